"""How many chats a caller may begin in a minute, and how many tokens it may use in a day.

A caller is the owner of conversations: a ServiceAccount, together with the end user that it names. The rate
is a token bucket that holds one minute's chats and refills evenly; a day is a UTC day. What an answer will
cost is not known before it is there, so the chat that crosses a day's budget is still answered, and the next
one is not. Where the numbers stand is behind `Counts` and `Ledger`: in this process, or in the database that
the replicas share.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

from gagarin.core.config import Limits
from gagarin.server import problems
from gagarin.server.accounts import DAY, DELAY, Accounts, DayUsage, Ledger, Spent, day_of
from gagarin.server.auth.identity import Caller, Owner
from gagarin.serving.logs import Log

MINUTE = 60.0
MOST_CALLERS = 10_000  # whose rate is known; beyond it, those that were idle longest start anew


class Refusal(NamedTuple):
    """Why a chat may not begin, in seconds until it may: too many in a minute, or the day's tokens gone."""

    rate: float = 0.0
    tokens: float = 0.0


class Counts(Protocol):
    """What all callers did lately."""

    async def begin(self, owner: Owner, limits: Limits) -> Refusal | None:
        """Count a chat, unless it is one too many. May raise `HistoryUnavailable`."""
        ...


class Budgets:
    """The limits of one Instance, and the accounts that they are judged by."""

    def __init__(
        self,
        limits: Limits,
        counts: Counts,
        ledger: Ledger,
        log: Log,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._counts = counts
        self._bounded = limits.requests_per_minute is not None or limits.tokens_per_day is not None
        delay = DELAY if limits.tokens_per_day is None else 0.0
        self._accounts = Accounts(ledger, log, delay, now)

    async def admit(self, caller: Caller) -> None:
        """Count a chat of the caller. Raises `Problem` 429, or `HistoryUnavailable` if nobody can say."""
        if not self._bounded:
            return
        refusal = await self._counts.begin(caller.owner, self._limits)
        if refusal is not None and refusal.tokens:
            raise problems.tokens_spent(self._limits.tokens_per_day or 0, refusal.tokens)
        if refusal is not None:
            raise problems.too_many_requests(self._limits.requests_per_minute or 0, refusal.rate)

    async def used(self, caller: Caller, *items: Spent) -> None:
        """Count what an answer cost, an item for each model. Never raises; a failure is logged."""
        await self._accounts.add(caller.owner, *items)

    async def usage(self, caller: Caller, days: int) -> list[DayUsage]:
        """What the caller used, by day and model. Raises `HistoryUnavailable`."""
        return await self._accounts.usage(caller.owner, days)

    async def close(self) -> None:
        """Write what is pending; before the store is closed."""
        await self._accounts.close()


class LocalCounts:
    """The counts of an Instance with one replica, or without a shared store."""

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now
        self._full: OrderedDict[Owner, float] = OrderedDict()

    async def begin(self, owner: Owner, limits: Limits) -> Refusal | None:
        """Count a chat, unless it is one too many."""
        now = self._now()
        budget = limits.tokens_per_day
        if budget is not None and await self._ledger.tokens(owner, day_of(now)) >= budget:
            return Refusal(tokens=DAY - now % DAY)
        if limits.requests_per_minute is None:
            return None
        full, wait = refilled(self._full.get(owner, 0.0), now, limits.requests_per_minute)
        if wait:
            return Refusal(rate=wait)
        self._full[owner] = full
        self._full.move_to_end(owner)
        if len(self._full) > MOST_CALLERS:
            self._full.popitem(last=False)
        return None


def refilled(full: float, now: float, per_minute: int) -> tuple[float, float]:
    """Take one chat out of a bucket: when it will be full again, and how long to wait instead if it is empty.

    A bucket is known by the moment at which it is full again (the generic cell rate algorithm), which is one
    number to keep and to compare, in memory as in a database.
    """
    after = max(full, now) + MINUTE / per_minute
    wait = after - now - MINUTE
    return after, wait if wait > 1e-6 else 0.0
