"""Server-Sent Events as MCP's transports use them (WHATWG HTML, section 9.2), with names, ids and `retry`.

The parser takes bytes split anywhere and is bounded in memory: of an event that is too long the beginning is
given at once, and the rest dropped. An event without data is given too when it has an id: with such a one a
server says where a stream may be taken up again.
"""

from __future__ import annotations

from typing import NamedTuple

from gagarin.server.tools.mcp.messages import HEAD_BYTES, MAX_MESSAGE_BYTES

MESSAGE = "message"
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """`whole`: `data` is all of it."""

    name: str
    data: bytes
    whole: bool = True


class EventParser:
    """Incremental. `retry` is the pause that the server asked for before a stream is taken up again, in
    seconds; `last_id` what to ask for then, empty if it named none."""

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self.last_id = ""
        self.retry: float | None = None
        self._limit = limit
        self._line = bytearray()  # the unfinished last line
        self._began = False
        self._after_cr = False
        self._name = MESSAGE
        self._data = bytearray()  # of the unfinished event, each line with its end
        self._has_id = False
        self._skipping = False  # until the event's end

    def feed(self, chunk: bytes) -> list[Event]:
        """Every event that `chunk` completes, and each that has become too long, once."""
        events = []
        *whole, rest = self._unix_line_ends(chunk).split(b"\n")
        for piece in whole:
            self._line += piece
            event = self._take(self._line)
            self._line = bytearray()
            if event is not None:
                events.append(event)
        self._line += rest
        if len(self._line) > self._limit:
            long, self._line = self._line, self._line[:1]  # not blank: its end does not end the event
            if (event := self._too_long(long.partition(b":")[2])) is not None:
                events.append(event)
        return events

    def _unix_line_ends(self, chunk: bytes) -> bytes:
        """CRLF and CR as LF. A CR at the end ends its line at once; a LF that follows it is dropped."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" not in chunk:
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, line: bytearray) -> Event | None:
        """One whole line; the event that it ends, if it is blank."""
        if not self._began:
            self._began = True
            line = line.removeprefix(_BOM)
        if not line:
            return self._end()
        field, _, value = line.partition(b":")
        return None if self._skipping else self._keep(bytes(field), value.removeprefix(b" "))

    def _end(self) -> Event | None:
        wanted = (bool(self._data) or self._has_id) and not self._skipping
        event = Event(self._name, bytes(self._data[:-1]))
        self._name, self._data, self._has_id, self._skipping = MESSAGE, bytearray(), False, False
        return event if wanted else None

    def _keep(self, field: bytes, value: bytearray) -> Event | None:
        if field == b"data":
            if len(self._data) + len(value) > self._limit:
                return self._too_long(value)
            self._data += value + b"\n"
        elif field == b"event":
            self._name = value.decode(errors="replace") or MESSAGE
        elif field == b"id" and _is_header(value):
            self.last_id, self._has_id = value.decode(), True
        elif field == b"retry" and value.isdigit() and len(value) < 10:
            self.retry = int(value) / 1000
        return None

    def _too_long(self, value: bytearray) -> Event | None:
        """The beginning of an event of which no more is kept."""
        if self._skipping:
            return None
        head = bytes((self._data + value.removeprefix(b" "))[:HEAD_BYTES])
        self._data, self._skipping = bytearray(), True
        return Event(self._name, head, whole=False)


def _is_header(value: bytearray) -> bool:
    """Whether an id can be sent back as a header: our own bound, and no control characters."""
    return len(value) <= 1024 and value.isascii() and value.decode().isprintable()
