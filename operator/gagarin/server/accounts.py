"""What answers cost: tokens and money by caller, UTC day and model.

Numbers are added up here for a moment and written together, so that accounting costs a chat nothing. Where a
token budget is judged by them they are written at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

import msgspec

from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.wire import Usage
from gagarin.serving.logs import Log

DAY = 86_400.0
KEPT_DAYS = 100
DELAY = 1.0  # seconds that numbers may wait to be written together
MOST_TOKENS = 10**9  # of one answer; a provider that says more is not believed
MOST_ROWS = 10_000  # that are held in memory, whatever the reason; beyond it, the oldest are dropped


class Spent(msgspec.Struct, frozen=True):
    """What one answer cost; `model` is the vendor's id, `cost` None for a model without a price."""

    model: str
    usage: Usage
    cost: Decimal | None = None


class Account(NamedTuple):
    """What is added up together. `day` is counted from 1970."""

    owner: Owner
    day: int
    model: str


class Sums(NamedTuple):
    """What was added up."""

    chats: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.chats + other.chats,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            total(self.cost, other.cost),
        )


class DayUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of what a caller used: `day` as YYYY-MM-DD, `cost` as a decimal."""

    day: str
    model: str
    chats: int
    prompt_tokens: int
    completion_tokens: int
    cost: str | None = None


class Ledger(Protocol):
    """Where the sums are kept, for 100 days. Every call may raise `HistoryUnavailable`."""

    async def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        """Add to what is kept: all of it or nothing."""
        ...

    async def tokens(self, owner: Owner, day: int) -> int:
        """All tokens of an owner on a day."""
        ...

    async def usage(self, owner: Owner, since: int) -> Sequence[tuple[Account, Sums]]:
        """An owner's sums from a day on, ordered by day and model."""
        ...

    async def forget_usage(self, owner: Owner) -> None:
        """Delete the owner's sums."""
        ...


class Accounts:
    """`delay` is how many seconds numbers may wait; 0: each is written before `add` returns."""

    def __init__(
        self, ledger: Ledger, log: Log, delay: float = DELAY, now: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._delay = delay
        self._now = now
        self._pending: dict[Account, Sums] = {}
        self._writing: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._closing = asyncio.Event()

    async def add(self, owner: Owner, *items: Spent) -> None:
        """Count an answer, an item for each model, all of them even if the caller does not wait for the end.
        Never raises: the answer is worth more than its bill."""
        day = day_of(self._now())
        for spent in items:
            prompt, completion = _sane(spent.usage.prompt_tokens), _sane(spent.usage.completion_tokens)
            self._note(Account(owner, day, spent.model), Sums(1, prompt, completion, spent.cost))
        if not self._delay:
            await self._write()
        elif self._pending and self._writing is None:
            self._writing = asyncio.create_task(self._keep_writing())

    async def usage(self, owner: Owner, days: int) -> list[DayUsage]:
        """What an owner used today and on the days before, `days` in all. Raises `HistoryUnavailable`."""
        await self._write()
        found = await self._ledger.usage(owner, day_of(self._now()) - days + 1)
        return [_line(account, sums) for account, sums in found]

    async def close(self) -> None:
        """Write what is pending."""
        self._closing.set()
        if self._writing is not None:
            await self._writing
        await self._write()

    async def _keep_writing(self) -> None:
        """Write as long as there is something, together what comes within the delay."""
        while self._pending and not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._delay):
                    await self._closing.wait()
            await self._write()
        self._writing = None

    async def _write(self) -> None:
        """Whoever waits for it may go; what is pending is others' as well."""
        await asyncio.shield(self._written())

    async def _written(self) -> None:
        async with self._one_at_a_time:
            rows, self._pending = self._pending, {}
            if not rows:
                return
            try:
                await self._ledger.record(list(rows.items()))
            except HistoryUnavailable as error:
                self._log.event("warning", f"what answers cost cannot be written now: {error}")
                for account, sums in rows.items():
                    self._note(account, sums)

    def _note(self, account: Account, sums: Sums) -> None:
        self._pending[account] = self._pending.get(account, Sums()).plus(sums)
        if len(self._pending) > MOST_ROWS:
            del self._pending[next(iter(self._pending))]


class MemoryLedger:
    """For an Instance that keeps nothing: as long as the process lives."""

    def __init__(self) -> None:
        self._rows: dict[Account, Sums] = {}

    async def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        """Add to what is known."""
        for account, sums in rows:
            self._rows[account] = self._rows.pop(account, Sums()).plus(sums)
            if len(self._rows) > MOST_ROWS:
                del self._rows[next(iter(self._rows))]

    async def tokens(self, owner: Owner, day: int) -> int:
        """All tokens of an owner on a day."""
        return sum(sums.prompt_tokens + sums.completion_tokens for _, sums in await self.usage(owner, day))

    async def usage(self, owner: Owner, since: int) -> Sequence[tuple[Account, Sums]]:
        """An owner's sums from a day on."""
        return sorted(
            (account, sums)
            for account, sums in self._rows.items()
            if account.owner == owner and account.day >= since
        )

    async def forget_usage(self, owner: Owner) -> None:
        """Delete the owner's sums."""
        self._rows = {account: sums for account, sums in self._rows.items() if account.owner != owner}


def day_of(seconds: float) -> int:
    """The UTC day, counted from 1970."""
    return int(seconds // DAY)


def total(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The sum of two costs; what has no price adds nothing."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _sane(tokens: int) -> int:
    """What a provider may say, within what a database can add up."""
    return min(max(tokens, 0), MOST_TOKENS)


def _line(account: Account, sums: Sums) -> DayUsage:
    day = datetime.fromtimestamp(account.day * DAY, UTC).date().isoformat()
    cost = None if sums.cost is None else f"{sums.cost:f}"
    return DayUsage(day, account.model, sums.chats, sums.prompt_tokens, sums.completion_tokens, cost)
