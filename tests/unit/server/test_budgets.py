"""Chats in a minute and tokens in a day: each caller has its own, and is told when it may go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.config import Limits
from gagarin.server import budgets
from gagarin.server.accounts import Account, MemoryLedger, Spent, Sums
from gagarin.server.auth.identity import Caller
from gagarin.server.budgets import Budgets, LocalCounts, refilled
from gagarin.server.wire import Usage
from gagarin.serving.errors import Problem
from tests.unit.server.auth.oracle import account, quiet
from tests.unit.server.clock import Clock

ANNA = Caller(account("anna"), 0.0)
BORIS = Caller(account("boris"), 0.0)
CUSTOMER = Caller(account("anna"), 0.0, "a customer")
NOON = 20_000 * 86_400.0 + 43_200.0


def made(clock: Clock, **limits: int) -> Budgets:
    ledger = MemoryLedger()
    return Budgets(Limits(**limits), LocalCounts(ledger, clock), ledger, quiet(), clock)


async def refused(limited: Budgets, caller: Caller = ANNA) -> Problem:
    with pytest.raises(Problem) as caught:
        await limited.admit(caller)
    return caught.value


async def test_a_minutes_chats_may_be_begun_at_once_and_then_one_after_the_other() -> None:
    clock = Clock(NOON)
    limited = made(clock, requests_per_minute=3)
    for _ in range(3):
        await limited.admit(ANNA)
    problem = await refused(limited)
    assert (problem.status, problem.slug, problem.headers) == (
        429,
        "too-many-requests",
        {"Retry-After": "20"},
    )
    clock.seconds += 19.5
    assert (await refused(limited)).headers == {"Retry-After": "1"}
    clock.seconds += 0.5
    await limited.admit(ANNA)
    await refused(limited)


async def test_each_caller_and_each_end_user_has_its_own() -> None:
    limited = made(Clock(NOON), requests_per_minute=1)
    for caller in (ANNA, BORIS, CUSTOMER):
        await limited.admit(caller)
        await refused(limited, caller)


async def test_a_days_tokens_are_for_a_utc_day() -> None:
    clock = Clock(NOON)
    limited = made(clock, tokens_per_day=100)
    await limited.admit(ANNA)
    await limited.used(ANNA, Spent("small", Usage(60, 39, 99)))
    await limited.admit(ANNA)
    await limited.used(ANNA, Spent("large", Usage(1, 0, 1)))
    problem = await refused(limited)
    assert (problem.status, problem.slug, problem.headers) == (429, "tokens-spent", {"Retry-After": "43200"})
    await limited.admit(BORIS)
    clock.seconds += 43_200
    await limited.admit(ANNA)
    assert [each.chats for each in await limited.usage(ANNA, 2)] == [1, 1]
    await limited.close()


class Unasked(MemoryLedger):
    """Fails a test that asks it."""

    async def tokens(self, owner: object, day: int) -> int:
        raise AssertionError

    async def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        raise AssertionError


async def test_without_limits_nobody_is_asked() -> None:
    ledger = Unasked()
    limited = Budgets(Limits(), LocalCounts(ledger), ledger, quiet())
    await limited.admit(ANNA)


async def test_a_chat_that_is_refused_for_its_tokens_is_not_counted() -> None:
    clock = Clock(NOON)
    limited = made(clock, tokens_per_day=1, requests_per_minute=1)
    await limited.used(ANNA, Spent("small", Usage(1, 0, 1)))
    for _ in range(3):
        assert (await refused(limited)).slug == "tokens-spent"
    clock.seconds += 43_200
    await limited.admit(ANNA)
    assert (await refused(limited)).slug == "too-many-requests"


async def test_so_many_callers_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "MOST_CALLERS", 2)
    clock = Clock(NOON)
    limited = made(clock, requests_per_minute=1)
    for caller in (ANNA, BORIS, CUSTOMER):
        await limited.admit(caller)
    await refused(limited, BORIS)
    await limited.admit(ANNA)


@given(st.integers(1, 1000), st.lists(st.floats(0, 90), max_size=200))
def test_there_are_never_more_than_the_bucket_and_what_has_flowed_in(
    per_minute: int, pauses: list[float]
) -> None:
    full, now, taken = 0.0, NOON, 0
    for pause in pauses:
        now += pause
        after, wait = refilled(full, now, per_minute)
        if wait:
            assert refilled(full, now + wait + 1e-6, per_minute)[1] == 0.0
        else:
            full, taken = after, taken + 1
    assert taken <= per_minute + (now - NOON) * per_minute / 60 + 1e-3
