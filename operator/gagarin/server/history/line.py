"""Whose time it is in a conversation, within one process: one turn after the other, as they joined."""

from __future__ import annotations

import asyncio
from typing import Any


class _Place:
    """`waited`: somebody was before it, so what was read when it joined may be old."""

    __slots__ = ("first", "waited")

    def __init__(self, *, waited: bool) -> None:
        self.waited = waited
        self.first: asyncio.Future[Any] | None = None


class Line:
    """A place is joined when a question is accepted, so that the order is that of acceptance, and waited for
    later."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[int, _Place]] = {}
        self._last = 0

    def join(self, conversation: str) -> int:
        """A place at the end, as a number above 0. It has to be left."""
        line = self._lines.setdefault(conversation, {})
        self._last += 1
        line[self._last] = _Place(waited=bool(line))
        return self._last

    async def reached(self, conversation: str, number: int) -> bool:
        """Wait until the place is the first; whether others were before it."""
        line = self._lines[conversation]
        place = line[number]
        if next(iter(line)) != number:
            place.first = asyncio.get_running_loop().create_future()
            await place.first
        return place.waited

    def leave(self, conversation: str, number: int) -> None:
        """Give the place up; if it was the first, the next one is."""
        line = self._lines[conversation]
        del line[number]
        if not line:
            del self._lines[conversation]
            return
        first = next(iter(line.values())).first
        if first is not None and not first.done():
            first.set_result(None)
