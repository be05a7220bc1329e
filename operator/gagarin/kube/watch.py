"""The lines of a watch: one JSON document each, cut from a stream of bytes at any place.

A line may be as long as an object (megabytes), so the bytes are kept in pieces until its end has come: time
grows with the bytes received, not with their square.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Literal

import msgspec

from gagarin.kube.errors import Status, Unavailable, error_of_status

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


class WatchEvent(msgspec.Struct, frozen=True):
    """One change. The object of a BOOKMARK has nothing but a resource version to go on from."""

    type: EventType
    object: dict[str, Any]

    @property
    def resource_version(self) -> str:
        """Where to resume after this event."""
        return str(self.object["metadata"]["resourceVersion"])


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


async def lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Lines without their newline; what follows the last newline is incomplete and dropped."""
    pieces: list[bytes] = []
    async for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        pieces.append(head)
        for piece in rest:
            line = b"".join(pieces)
            pieces = [piece]
            if line:
                yield line


def event_of(line: bytes) -> WatchEvent:
    """The event on one line. Raises what an ERROR event says: `Gone` when the resource version is too old."""
    try:
        parsed = msgspec.json.decode(line, type=_Line)
        if parsed.type == "ERROR":
            status = msgspec.json.decode(parsed.object, type=Status)
            raise error_of_status(status.code, status)
        return msgspec.json.decode(line, type=WatchEvent)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the watch sent something that is not an event: {error}") from error
