"""Values of Secrets out of the environment and out of files like `.env`, for `gagarin dev`.

The key K of the Secret S in the namespace N is the variable N_S_K, or else S_K, in capitals, with `_` for
everything that is neither letter nor digit: key `api-key` of Secret `openai` is OPENAI_API_KEY. A Secret
among the manifests goes before a variable, and a variable of the environment before one of a file, as
everywhere where there are such files. What a value is, is never said.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gagarin.cli.errors import CommandError, ManifestError
from gagarin.cli.standins import secrets_wanted
from gagarin.core.objects import Key, Object, ObjectMap

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<text>.*)(?P=quote)\s*(?:#.*)?""")
_ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\"}


class Variable(NamedTuple):
    """A value and where it comes from: "the environment", or FILE:LINE."""

    value: str
    origin: str

    def __repr__(self) -> str:
        """Without the value."""
        return f"Variable({self.origin!r})"


Variables = Mapping[str, Variable]


@dataclass(frozen=True, slots=True, order=True)
class Filled:
    """A key of a Secret whose value is a variable's."""

    secret: Key
    key: str
    variable: str
    origin: str

    def __str__(self) -> str:
        return f"{self.secret}, key {self.key}: ${self.variable} from {self.origin}"


def variables_of(environment: Mapping[str, str], files: Sequence[Path]) -> Variables:
    """All that there are. Of several files the last one that has a name counts. Raises `CommandError`."""
    found: dict[str, Variable] = {}
    for file in files:
        found.update(read_file(file))
    found.update({name: Variable(value, "the environment") for name, value in environment.items() if value})
    return found


def read_file(file: Path) -> dict[str, Variable]:
    """The variables in a file of lines NAME=VALUE. Raises `CommandError`; the message never has a value."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ManifestError(str(file), 1, 1, "not UTF-8 text") from error
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    found = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ManifestError(str(file), number, 1, "not of the form NAME=VALUE")
        if value := _value(match["value"], file, number):
            found[match["name"]] = Variable(value, f"{file}:{number}")
    return found


def _value(text: str, file: Path, number: int) -> str:
    if not text.startswith(("'", '"')):
        return text.split(" #", 1)[0].strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise ManifestError(str(file), number, 1, "the quotes are not closed on this line")
    if quoted["quote"] == "'":
        return quoted["text"]
    return re.sub(r'\\[n"\\]', lambda found: _ESCAPES[found[0]], quoted["text"])


def names_of(secret: Key, key: str) -> tuple[str, str]:
    """The variables that a key of a Secret can be in; the first that is there counts."""
    short = f"{secret.name}_{key}"
    return _spelt(f"{secret.namespace}_{short}"), _spelt(short)


def _spelt(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", text.upper())


def filled_in(objects: ObjectMap, variables: Variables) -> tuple[ObjectMap, list[Filled]]:
    """The objects with the keys of Secrets that they lack and variables have, and which ones those are."""
    completed = ObjectMap(list(objects.values()))
    filled = []
    for secret, key in missing_keys(objects):
        for name in names_of(secret, key):
            if name in variables:
                completed[secret] = with_value(completed.get(secret), secret, key, variables[name].value)
                filled.append(Filled(secret, key, name, variables[name].origin))
                break
    return completed, sorted(filled)


def missing_keys(objects: ObjectMap) -> Iterator[tuple[Key, str]]:
    """Every key of a Secret that is used and not there, in order."""
    for secret, data in sorted(secrets_wanted(objects).items()):
        there = (objects.get(secret) or {}).get("data") or {}
        yield from ((secret, key) for key in sorted(data) if key not in there)


def with_value(secret: Object | None, key: Key, name: str, value: str) -> Object:
    """A Secret with one value more; a new one when there is none."""
    metadata = {"namespace": key.namespace, "name": key.name}
    item: Object = (
        copy.deepcopy(secret) if secret else {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    )
    data: dict[str, str] = item.get("data") or {}
    item["data"] = data | {name: base64.b64encode(value.encode()).decode()}
    return item
