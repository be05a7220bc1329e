"""Budgets and accounts are the same whichever replica is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from gagarin.core.config import Limits
from gagarin.server.accounts import Account, Spent, Sums, day_of
from gagarin.server.auth.identity import Caller
from gagarin.server.budgets import Budgets
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history import pool, schema
from gagarin.server.history.sharedledger import SharedLedger
from gagarin.server.wire import Usage
from gagarin.serving.errors import Problem
from tests.integration.postgres.database import Server, pool_in
from tests.unit.server.auth.oracle import account, quiet

ANNA = Caller(account("anna"), 0.0)
BORIS = Caller(account("boris"), 0.0)


@pytest.fixture
async def ledgers(server: Server, tmp_path: Path) -> AsyncIterator[list[SharedLedger]]:
    """Two replicas of one Instance, and one of another."""
    pools = [pool_in(tmp_path, server.url) for _ in range(3)]
    await schema.migrate(pools[0])
    names = ("team-a/helper", "team-a/helper", "team-b/helper")
    yield [SharedLedger(each, name) for each, name in zip(pools, names, strict=True)]
    for each in pools:
        await each.close()


def limited(ledger: SharedLedger, **limits: int) -> Budgets:
    return Budgets(Limits(**limits), ledger, ledger, quiet())


async def begun(replicas: list[Budgets], times: int) -> list[Problem]:
    """Begin chats at all replicas at once; what was refused."""
    outcomes = await asyncio.gather(
        *(replica.admit(ANNA) for _ in range(times) for replica in replicas), return_exceptions=True
    )
    return [each for each in outcomes if isinstance(each, Problem)]


async def test_a_rate_is_kept_by_all_replicas_together(ledgers: list[SharedLedger], server: Server) -> None:
    one, other, neighbour = (limited(ledger, requests_per_minute=10) for ledger in ledgers)
    refused = await begun([one, other], 10)
    assert 9 <= len(refused) <= 10  # one may have flowed in meanwhile
    assert {each.slug for each in refused} == {"too-many-requests"}
    assert all(1 <= int(each.headers["Retry-After"]) <= 6 for each in refused)
    await neighbour.admit(ANNA)
    await one.admit(BORIS)
    server.sql("UPDATE gagarin.rates SET full_at = full_at - 12")
    assert 8 <= len(await begun([one, other], 5)) <= 9


async def test_tokens_are_counted_by_all_replicas_together(ledgers: list[SharedLedger]) -> None:
    one, other, neighbour = (limited(ledger, tokens_per_day=100) for ledger in ledgers)
    await asyncio.gather(
        *(each.used(ANNA, Spent("small", Usage(4, 1, 5), Decimal("0.01"))) for each in (one, other) * 10)
    )
    for replica in (one, other):
        with pytest.raises(Problem) as caught:
            await replica.admit(ANNA)
        assert caught.value.slug == "tokens-spent"
        assert 0 < int(caught.value.headers["Retry-After"]) <= 86_400
    await neighbour.admit(ANNA)
    await one.admit(BORIS)
    (line,) = await other.usage(ANNA, 1)
    assert (line.chats, line.prompt_tokens, line.completion_tokens, line.cost) == (20, 80, 20, "0.20")
    assert await neighbour.usage(ANNA, 1) == []


async def test_both_limits_are_judged_in_one_statement_and_tokens_first(ledgers: list[SharedLedger]) -> None:
    one = limited(ledgers[0], tokens_per_day=1, requests_per_minute=1)
    await one.used(ANNA, Spent("small", Usage(1, 0, 1)))
    assert {each.slug for each in await begun([one], 3)} == {"tokens-spent"}
    assert await ledgers[0].begin(ANNA.owner, Limits(requests_per_minute=1)) is None
    assert await ledgers[0].begin(ANNA.owner, Limits(requests_per_minute=1)) is not None


async def test_what_has_a_price_and_what_has_none_are_added_up(ledgers: list[SharedLedger]) -> None:
    today = day_of(1e9)
    account_of = Account(ANNA.owner, today, "small")
    for cost in (None, Decimal("0.1"), None, Decimal("1E-7")):
        await ledgers[0].record([(account_of, Sums(1, 2, 3, cost))])
    assert await ledgers[1].usage(ANNA.owner, today) == [(account_of, Sums(4, 8, 12, Decimal("0.1000001")))]
    assert await ledgers[1].tokens(ANNA.owner, today) == 20
    await ledgers[1].forget_usage(ANNA.owner)
    assert await ledgers[0].tokens(ANNA.owner, today) == 0


async def test_nobody_is_let_in_when_nobody_can_say(
    ledgers: list[SharedLedger], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.2)
    one = limited(ledgers[0], requests_per_minute=10)
    await asyncio.to_thread(server.stop)
    try:
        with pytest.raises(HistoryUnavailable):
            await one.admit(ANNA)
        await one.used(ANNA, Spent("small", Usage(1, 0, 1)))
    finally:
        await asyncio.to_thread(server.start)
    await one.admit(ANNA)
    assert [line.chats for line in await one.usage(ANNA, 1)] == [1]
    await one.close()
