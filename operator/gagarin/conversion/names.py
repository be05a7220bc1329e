"""Valid, unique names for objects, out of the free texts that the original had."""

from __future__ import annotations

import re
import unicodedata

from gagarin.api.fields import NAME

MOST = 52


def valid(text: str) -> str:
    """The nearest name of our kinds (see `api.kinds.NAME_RULE`); "" if nothing of the text can be in one."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if name and not name[0].isalpha():
        name = f"n-{name}"
    return name[:MOST].strip("-")


class Names:
    """The names of one kind. Two texts that come to the same name are told apart by a number."""

    def __init__(self, fallback: str) -> None:
        self._fallback = fallback
        self._by_text: dict[str, str] = {}
        self._taken: set[str] = set()

    def make(self, text: str, wanted: str = "") -> str:
        """A new name for a text: `wanted`, if that is a name. Given twice, the text later stands for the
        first."""
        base = wanted if re.fullmatch(NAME, wanted) else valid(text) or self._fallback
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base[: MOST - 1 - len(str(number))].rstrip('-')}-{number}"
        self._taken.add(name)
        self._by_text.setdefault(text, name)
        return name

    def of(self, text: str) -> str | None:
        """The name that was made for a text."""
        return self._by_text.get(text)

    def texts(self) -> list[str]:
        """All texts, in the order in which they came."""
        return list(self._by_text)

    def only(self) -> str | None:
        """The only name, if there is exactly one."""
        return next(iter(self._taken)) if len(self._taken) == 1 else None

    def __contains__(self, text: str) -> bool:
        return text in self._by_text
