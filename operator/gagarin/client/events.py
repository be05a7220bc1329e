"""The events of a streamed answer, read from bytes that are split anywhere (WHATWG HTML, section 9.2).

A client needs names and ids of events, which the chat server's own reader of its providers has no use for;
and it only ever reads what that server writes. So this is a reader of its own, bounded in memory.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gagarin.client.answers import Done, Event, Token, ToolCall, Usage
from gagarin.client.errors import NotGagarin, Problem, error_of

MAX_EVENT_BYTES = 16 * 1024 * 1024
_EVENTS: dict[str, type[Event]] = {"token": Token, "tool": ToolCall, "usage": Usage, "done": Done}


class Raw(NamedTuple):
    """An event as it came."""

    name: str
    data: str
    id: str


class EventReader:
    """Incremental. `last_id` is the id of the last whole event: where to go on after a broken connection."""

    def __init__(self) -> None:
        self.last_id = ""
        self._rest = b""
        self._name, self._id, self._data = "", "", list[str]()

    def feed(self, chunk: bytes) -> list[Raw]:
        """The events that `chunk` completes. Raises `NotGagarin` for one that does not end, or is no text."""
        if len(self._rest) + len(chunk) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise NotGagarin(f"an event is longer than {MAX_EVENT_BYTES} bytes")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            found = [self._take(line.removesuffix(b"\r").decode()) for line in lines]
        except UnicodeDecodeError as error:
            raise NotGagarin("an event is not UTF-8") from error
        return [event for event in found if event is not None]

    def restart(self) -> None:
        """Forget the unfinished event: a new connection begins with a whole one."""
        self._rest = b""
        self._name, self._data = "", []

    def _take(self, line: str) -> Raw | None:
        if line:
            self._keep(*line.partition(":")[::2])
            return None
        if not self._data:
            return None
        event = Raw(self._name or "message", "\n".join(self._data), self._id)
        self.last_id = self._id
        self._name, self._data = "", []
        return event

    def _keep(self, field: str, value: str) -> None:
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id":
            self._id = value


def typed(raw: Raw) -> Event | None:
    """What an event says; None for one that a newer server has and we do not know.

    Raises the error that an event `error` stands for, and `NotGagarin`.
    """
    try:
        if raw.name == "error":
            raise error_of(msgspec.json.decode(raw.data, type=Problem))
        kind = _EVENTS.get(raw.name)
        return None if kind is None else msgspec.json.decode(raw.data, type=kind)
    except msgspec.MsgspecError as error:
        raise NotGagarin(f"an event {raw.name!r} cannot be read: {error}") from error
