"""How functions are called for the model: by names that every provider takes, no two alike."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_CHARS = 64
_OTHER = re.compile(r"[^a-zA-Z0-9_-]+")


def plain(name: str) -> str:
    """The name with nothing in it but letters, digits, `_` and `-`, of at most 64 characters.

    One that is too long ends in a digest of itself, so that two long names stay two.
    """
    text = _OTHER.sub("_", name).strip("_") or "function"
    if len(text) <= MAX_CHARS:
        return text
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{text[: MAX_CHARS - 9]}_{digest}"


def distinct(functions: Sequence[tuple[str, str]], reserved: Iterable[str] = ()) -> list[str]:
    """The name of each (tool, function): the function's own, or with the tool's before it where two have the
    same."""
    own = [plain(function) for _, function in functions]
    taken = Counter([*own, *reserved])
    names = [
        name if taken[name] == 1 else plain(f"{tool}_{function}")
        for name, (tool, function) in zip(own, functions, strict=True)
    ]
    return _numbered(names, reserved)


def _numbered(names: Sequence[str], reserved: Iterable[str]) -> list[str]:
    """The last resort: `name_2` for a name that is there already."""
    seen = set(reserved)
    result = []
    for name in names:
        unique, number = name, 1
        while unique in seen:
            number += 1
            unique = f"{name[: MAX_CHARS - 5]}_{number}"
        seen.add(unique)
        result.append(unique)
    return result
