"""Server-Sent Events, both ways (WHATWG HTML, section 9.2).

`Parser` takes the bytes of a provider split anywhere and gives the data of each event as soon as it is
complete. It is as lenient as providers need (a missing last blank line, any line ending, comments) and
bounded in memory: a line or an event that never ends is an error, not a leak.
"""

from __future__ import annotations

import msgspec

MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):  # noqa: N818 -- says what happened
    """One event is longer than `MAX_EVENT_BYTES`."""


class Parser:
    """Incremental and synchronous. Only `data` fields are kept: the OpenAI protocol uses no others."""

    def __init__(self) -> None:
        self._line = bytearray()  # the unfinished last line
        self._data: list[bytes] = []  # the data fields of the unfinished event
        self._size = 0
        self._began = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that `chunk` completes. Raises `EventTooLong`."""
        if b"\r" in chunk or self._after_cr:
            chunk = self._unix_line_ends(chunk)
        events = []
        if self._line or self._data:  # the rest of an event that an earlier chunk began
            head, blank, chunk = chunk.partition(b"\n\n")
            events = self._lines(head + blank)
        plain, rest = self._plain(chunk)
        return events + plain + self._lines(rest)

    def _lines(self, chunk: bytes) -> list[bytes]:
        """The events of any chunk, line by line."""
        head, newline, rest = chunk.partition(b"\n")
        self._line += head
        if not newline:
            self._check(len(self._line))
            return []
        first = bytes(self._line)
        *lines, last = rest.split(b"\n")
        self._line = bytearray(last)
        events = [event for line in (first, *lines) if (event := self._take(line)) is not None]
        self._check(len(self._line))
        return events

    def _plain(self, chunk: bytes) -> tuple[list[bytes], bytes]:
        """The events of a chunk that begins with whole ones of one `data` line each, and the rest of it.

        Nearly every chunk of every provider is like that, and no line of it needs to be looked at by itself.
        """
        body, _, rest = chunk.rpartition(b"\n\n")
        if self._line or self._data or len(body) > MAX_EVENT_BYTES or not body.startswith(b"data: "):
            return [], chunk
        events = body[6:].split(b"\n\ndata: ")
        if b"\n" in b"".join(events):  # a quarter of the time that counting them in `body` takes
            return [], chunk
        self._began = True
        return events, rest

    def finish(self) -> list[bytes]:
        """The event that the end of the stream completes: some servers leave the last blank line out."""
        line = bytes(self._line)
        self._line.clear()
        if line:
            self._take(line)
        event = self._take(b"")
        return [] if event is None else [event]

    def _unix_line_ends(self, chunk: bytes) -> bytes:
        """CRLF and CR as LF. A CR at the end ends its line at once; a LF that follows it is dropped."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        elif not chunk:
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, line: bytes) -> bytes | None:
        """One whole line; the event's data when it was the blank line that ends it."""
        if not self._began:
            self._began = True
            line = line.removeprefix(_BOM)
        if line:
            self._keep(line)
            return None
        if not self._data:
            return None
        event = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data = []
        self._size = 0
        return event

    def _keep(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            value = line[6:] if line.startswith(b"data: ") else line[5:]
        elif line == b"data":
            value = b""
        else:
            return
        self._size += len(value)
        self._check(self._size)
        self._data.append(value)

    def _check(self, size: int) -> None:
        if size > MAX_EVENT_BYTES:
            raise EventTooLong(f"an event is longer than {MAX_EVENT_BYTES} bytes")


_encode = msgspec.json.Encoder().encode


HEARTBEAT = b":\n\n"  # a comment: every parser skips it, every proxy counts it as life


def event(name: str, data: object, mark: bytes = b"", number: int = 0) -> bytes:
    """One event with JSON data, ready to be written; `mark` and `number` are its id, if it has one."""
    if mark:
        return b"event: %b\ndata: %b\nid: %b%d\n\n" % (name.encode(), _encode(data), mark, number)
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(data))


def token(text: str, mark: bytes, number: int) -> bytes:
    """A `token` event, as `event` makes it, at half its cost: it is by far the most frequent one."""
    return b'event: token\ndata: {"text":%b}\nid: %b%d\n\n' % (_encode(text), mark, number)


def message(data: bytes) -> bytes:
    """An event without a name, as the OpenAI protocol has them."""
    return b"data: %b\n\n" % data
