"""Whose time it is in a conversation, within one process: one turn after the other, as they joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _Place:
    """`waited`: somebody was before it, so what was read when it joined may be old."""

    def __init__(self, *, waited: bool) -> None:
        self.waited = waited
        self.free = asyncio.Event()


class Line:
    """A place is joined when a question is accepted, so that the order is that of acceptance; it is held
    later."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[int, _Place]] = {}
        self._last = 0

    def join(self, conversation: str) -> int:
        """A place at the end, as a number above 0. It has to be held or left."""
        line = self._lines.setdefault(conversation, {})
        self._last += 1
        place = line[self._last] = _Place(waited=bool(line))
        if not place.waited:
            place.free.set()
        return self._last

    @asynccontextmanager
    async def hold(self, conversation: str, number: int) -> AsyncIterator[bool]:
        """Wait until the place is the first, and leave it in the end; whether others were before it."""
        place = self._lines[conversation][number]
        try:
            await place.free.wait()
            yield place.waited
        finally:
            self.leave(conversation, number)

    def leave(self, conversation: str, number: int) -> None:
        """Give the place up; if it was the first, the next one is."""
        line = self._lines[conversation]
        del line[number]
        if not line:
            del self._lines[conversation]
        else:
            next(iter(line.values())).free.set()
