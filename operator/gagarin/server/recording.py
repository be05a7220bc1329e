"""The last events of a stream, kept for a reader that lost its connection.

They are kept as the bytes that were written: their data is JSON, which has no raw line ends, so that every
blank line is the end of an event and the n-th event of the bytes is known by counting.
"""

from __future__ import annotations

STREAM_BYTES = 64 * 1024
_END = b"\n\n"


class Recording:
    """At most `STREAM_BYTES`, whole events, the newest ones. Events are numbered from 1."""

    def __init__(self) -> None:
        self._events = bytearray()
        self._before = 0  # the number of the last event that is no longer here

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._events)

    def add(self, events: bytes) -> int:
        """Keep what was just written; by how many bytes that makes it longer."""
        before = len(self._events)
        self._events += events
        if (excess := len(self._events) - STREAM_BYTES) > 0:
            self._drop(self._events.index(_END, max(excess - len(_END), 0)) + len(_END))
        return len(self._events) - before

    def forget(self) -> None:
        """Keep nothing of what was written up to now."""
        self._drop(len(self._events))

    def after(self, number: int) -> bytes | None:
        """The events after `number`; None if they are no longer all here."""
        if number < self._before:
            return None
        start = 0
        for _ in range(number - self._before):
            start = self._events.index(_END, start) + len(_END)
        return bytes(self._events[start:])

    def _drop(self, size: int) -> None:
        self._before += self._events.count(_END, 0, size)
        del self._events[:size]
