"""How many chats one pod answers at the same time, and how callers share that.

One who may not begin is told so at once, not kept waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gagarin.server import problems

SHARE = 3  # a caller may have this many times what is left to the others


class ChatSlots:
    """At most `limit` chats at once, fairly: nobody can take them all.

    Whoever has no chat under way gets the last free slot too. Whoever has some gets another one as long as it
    has fewer than three times the slots that are then left: a caller that is alone can use three quarters,
    two can use three sevenths each, and so on; no number of theirs has to be known for that.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, caller: str) -> Iterator[None]:
        """Hold a slot. Raises `Problem` 429."""
        taken = self._taken[caller]
        left = self._limit - self._total - 1
        if left < 0 or (taken and taken >= SHARE * left):
            raise problems.too_many_chats(taken)
        self._change(caller, 1)
        try:
            yield
        finally:
            self._change(caller, -1)

    def _change(self, caller: str, by: int) -> None:
        self._total += by
        self._taken[caller] += by
        if not self._taken[caller]:
            del self._taken[caller]
