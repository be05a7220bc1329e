"""Who waits for whom: how many chats a caller has under way, and whose turn it is in a conversation."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from gagarin.server import problems


class ChatSlots:
    """At most `limit` chats at once for each caller. One who has that many is told so, not kept waiting."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, caller: str) -> Iterator[None]:
        """Hold a slot. Raises `Problem` 429."""
        if self._taken[caller] >= self._limit:
            raise problems.too_many_chats(self._limit)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]


class Line:
    """The order in which a conversation's messages are answered: one after the other, as they were
    accepted."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, conversation: str) -> AsyncIterator[bool]:
        """Hold the conversation; whether it had to be waited for."""
        lock, waiting = self._waiting.get(conversation) or (asyncio.Lock(), 0)
        self._waiting[conversation] = lock, waiting + 1
        try:
            async with lock:
                yield waiting > 0
        finally:
            lock, waiting = self._waiting.pop(conversation)
            if waiting > 1:
                self._waiting[conversation] = lock, waiting - 1
