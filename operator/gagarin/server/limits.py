"""How many chats one pod answers at the same time, and how callers share that.

One who may not begin is told so at once, not kept waiting.
"""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from prometheus_client import Gauge

from gagarin.server import problems

SHARE = 3  # a caller may have this many times what is left to the others


class ChatSlots:
    """At most `limit` chats at once, fairly: nobody can take them all.

    Whoever has no chat under way gets the last free slot too. Whoever has some gets another one as long as it
    has fewer than three times the slots that are then left: a caller that is alone can use three quarters,
    two can use three sevenths each, and so on; no number of theirs has to be known for that.
    """

    def __init__(self, limit: int, chats: Gauge) -> None:
        self._limit = limit
        self._chats = chats
        self._total = 0
        self._taken: Counter[str] = Counter()

    def take(self, caller: str) -> Slot:
        """A slot to hold. Entering it raises `Problem` 429."""
        return Slot(self, caller)

    def begin(self, caller: str) -> None:
        """Take one. Raises `Problem` 429."""
        taken = self._taken[caller]
        left = self._limit - self._total - 1
        if left < 0 or (taken and taken >= SHARE * left):
            raise problems.too_many_chats(taken)
        self._change(caller, 1)

    def end(self, caller: str) -> None:
        """Give one back."""
        self._change(caller, -1)

    def _change(self, caller: str, by: int) -> None:
        self._chats.inc(by)
        self._total += by
        self._taken[caller] += by
        if not self._taken[caller]:
            del self._taken[caller]


class Slot:
    """While a chat is under way. (A generator would do, and take half a kilobyte of each open stream.)"""

    __slots__ = ("_caller", "_slots")

    def __init__(self, slots: ChatSlots, caller: str) -> None:
        self._slots = slots
        self._caller = caller

    def __enter__(self) -> None:
        self._slots.begin(self._caller)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.end(self._caller)
