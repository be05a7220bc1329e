"""`gagarin logs`: what the pods of an Instance write, read through `kubectl logs`.

Chat servers write JSON lines of three kinds: `event`, `access` (a request was answered) and `audit` (a
decision about a caller). Lines of anything else in the pods are passed on as they are, unless one kind is
asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from gagarin.cli.errors import CommandError
from gagarin.cli.forwarding import Kubectl, stop
from gagarin.cli.terminal import printable
from gagarin.core import names
from gagarin.core.objects import Key

KINDS = ("event", "access", "audit")
MOST_PODS = 50  # that are read at once
_PREFIX = re.compile(r"\[pod/([^/\]]+)/([^\]]+)\] (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines. `tail`: of each container, only so many of the last ones; -1 is all."""

    kind: str | None = None
    follow: bool = False
    tail: int = -1
    json: bool = False

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise CommandError(f"--kind: {self.kind!r} is not one of {', '.join(KINDS)}")


def lines(kubectl: Kubectl, instance: Key, wanted: Wanted) -> Iterator[str]:
    """The lines, as they come. Raises `CommandError` when kubectl fails; it has said why by then."""
    arguments = [
        *("--namespace", instance.namespace, "logs"),
        *("--selector", f"{names.INSTANCE}={instance.name}"),
        *("--all-containers", "--prefix", f"--tail={wanted.tail}", f"--max-log-requests={MOST_PODS}"),
        *(("--follow",) if wanted.follow else ()),
    ]
    child = kubectl.started(arguments)
    try:
        for line in child.stdout or ():
            if (shown := shaped(line.rstrip("\n"), wanted)) is not None:
                yield shown
        if status := child.wait():
            raise CommandError(f"kubectl logs ended with status {status}")
    finally:
        stop(child)


def shaped(line: str, wanted: Wanted) -> str | None:
    """A line as it is shown; None for one that is not wanted."""
    found = _PREFIX.fullmatch(line)
    pod, text = (found[1], found[3]) if found else ("", line)
    entry = _entry(text)
    if wanted.kind is not None and entry.get("log") != wanted.kind:
        return None
    if wanted.json:
        return msgspec.json.encode({"pod": pod} | entry).decode() if entry else None
    return printable(f"{pod} {_readable(entry) if entry else text}".strip())


def _entry(text: str) -> dict[str, Any]:
    try:
        entry = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return entry if isinstance(entry, dict) and "log" in entry else {}


def _readable(entry: dict[str, Any]) -> str:
    """Time, level and message first, then what else there is."""
    first = [str(entry[name]) for name in ("time", "level", "log", "message") if name in entry]
    rest = {name: value for name, value in entry.items() if name not in ("time", "level", "log", "message")}
    return " ".join([*first, *(f"{name}={_value(value)}" for name, value in rest.items())])


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
