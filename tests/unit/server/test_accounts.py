"""What answers cost is added up, written together, and survives a ledger that fails."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from decimal import Decimal

import pytest

from gagarin.server import accounts
from gagarin.server.accounts import Account, Accounts, MemoryLedger, Spent, Sums, total
from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.wire import Usage
from gagarin.serving.logs import Log
from tests.unit.server.auth.oracle import quiet
from tests.unit.server.clock import Clock
from tests.unit.server.waiting import until

ANNA, BORIS = Owner("iss", "anna", "u1"), Owner("iss", "boris", "u2")
DAY = 86_400.0


class Ledger(MemoryLedger):
    """Counts what is written, and fails as long as a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.down = False
        self.gate: asyncio.Event | None = None
        self.waiting = 0

    async def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        if self.down:
            raise HistoryUnavailable("connection refused")
        if self.gate is not None:
            self.waiting += 1
            await self.gate.wait()
        self.writes += 1
        await super().record(rows)


def spent(prompt: int = 7, completion: int = 3, model: str = "small", cost: str | None = None) -> Spent:
    usage = Usage(prompt, completion, prompt + completion)
    return Spent(model, usage, None if cost is None else Decimal(cost))


async def test_answers_are_added_up_by_day_and_model_and_written_together() -> None:
    ledger, clock = Ledger(), Clock(20_000 * DAY)
    made = Accounts(ledger, quiet(), delay=3600.0, now=clock)
    for cost in ("0.1", None, "0.2"):
        await made.add(ANNA, spent(cost=cost))
    await made.add(ANNA, spent(model="large"))
    await made.add(BORIS, spent())
    assert ledger.writes == 0
    clock.seconds += DAY
    await made.add(ANNA, spent())
    lines = await made.usage(ANNA, 2)
    assert ledger.writes == 1
    assert [(each.day, each.model, each.chats, each.prompt_tokens, each.cost) for each in lines] == [
        ("2024-10-04", "large", 1, 7, None),
        ("2024-10-04", "small", 3, 21, "0.3"),
        ("2024-10-05", "small", 1, 7, None),
    ]
    assert len(await made.usage(ANNA, 1)) == 1
    await made.close()


async def test_what_is_pending_is_written_after_a_moment_and_at_the_end() -> None:
    ledger = Ledger()
    made = Accounts(ledger, quiet(), delay=0.01)
    await made.add(ANNA, spent())
    assert made._writing is not None
    await made._writing
    assert ledger.writes == 1
    await made.add(ANNA, spent())
    await made.close()
    assert ledger.writes == 2


async def test_what_is_being_written_is_waited_for() -> None:
    ledger = Ledger()
    ledger.gate = asyncio.Event()
    made = Accounts(ledger, quiet(), delay=0.001)
    await made.add(ANNA, spent())
    await until(lambda: _is(bool(ledger.waiting)))
    usage = asyncio.create_task(made.usage(ANNA, 1))
    closing = asyncio.create_task(made.close())
    await asyncio.sleep(0)
    ledger.gate.set()
    assert [line.chats for line in await usage] == [1]
    await closing


@pytest.mark.parametrize("delay", [0.0, 3600.0])
async def test_one_who_goes_while_it_is_written_takes_nothing_of_it_along(delay: float) -> None:
    ledger = Ledger()
    made = Accounts(ledger, quiet(), delay=delay)
    ledger.gate = asyncio.Event()

    async def answered() -> None:
        # Written at once, or by the next one who wants to know.
        await made.add(BORIS, spent(), spent(model="large"))
        await made.usage(ANNA, 1)

    going = asyncio.create_task(answered())
    await until(lambda: _is(bool(ledger.waiting)))
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    ledger.gate.set()
    assert [line.model for line in await made.usage(BORIS, 1)] == ["large", "small"]
    assert ledger.writes == 1
    await made.close()


async def _is(fact: bool) -> bool:
    return fact


async def test_a_ledger_that_fails_loses_nothing_once_it_is_back() -> None:
    ledger, sink = Ledger(), io.BytesIO()
    made = Accounts(ledger, Log("info", sink), delay=0.0)
    ledger.down = True
    await made.add(ANNA, spent())
    ledger.down = False
    await made.add(ANNA, spent())
    (line,) = await made.usage(ANNA, 1)
    assert (line.chats, line.completion_tokens) == (2, 6)


async def test_a_provider_that_counts_nonsense_is_not_believed() -> None:
    made = Accounts(MemoryLedger(), quiet(), delay=0.0)
    await made.add(ANNA, spent(-5, 2**80))
    (line,) = await made.usage(ANNA, 1)
    assert (line.prompt_tokens, line.completion_tokens) == (0, accounts.MOST_TOKENS)


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MOST_ROWS", 2)
    ledger = Ledger()
    ledger.down = True
    made = Accounts(ledger, quiet(), delay=0.0)
    for name in "abc":
        await made.add(ANNA._replace(subject=name), spent())
    assert [account.owner.subject for account in made._pending] == ["b", "c"]
    ledger.down = False
    await made.add(ANNA._replace(subject="d"), spent())
    await made.add(ANNA._replace(subject="e"), spent())
    assert len(ledger._rows) == 2


async def test_an_owners_sums_can_be_forgotten() -> None:
    ledger = MemoryLedger()
    for owner in (ANNA, BORIS):
        await ledger.record([(Account(owner, 1, "m"), Sums(1, 2, 3))])
    await ledger.forget_usage(ANNA)
    assert (await ledger.tokens(ANNA, 1), await ledger.tokens(BORIS, 1)) == (0, 5)


def test_what_has_no_price_adds_nothing() -> None:
    one = Decimal("0.1")
    assert (total(None, None), total(one, None), total(None, one), total(one, one)) == (
        None,
        one,
        one,
        Decimal("0.2"),
    )
