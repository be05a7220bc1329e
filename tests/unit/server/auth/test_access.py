"""Decisions are remembered for a moment, asked for once at a time, and never guessed."""

from __future__ import annotations

import pytest

from gagarin.server.auth.access import ALLOW_SECONDS, DENY_SECONDS, Access
from gagarin.server.errors import AuthorityUnavailable
from tests.unit.server.auth.oracle import Oracle, account, quiet
from tests.unit.server.clock import Clock

STALE = 300.0
CALLER = account("caller")


class Rig:
    """Access to an oracle, with a clock."""

    def __init__(self, stale: float = STALE) -> None:
        self.oracle = Oracle()
        self.clock = Clock()
        self.access = Access(self.oracle, quiet(), stale, self.clock)

    def let_in(self) -> None:
        self.oracle.allowed.add((CALLER.user, "create"))

    async def ask(self) -> bool:
        return await self.access.allowed(CALLER, "create")


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_an_allow_counts_for_thirty_seconds(rig: Rig) -> None:
    rig.let_in()
    assert await rig.ask()
    rig.oracle.allowed.clear()
    rig.clock.seconds += ALLOW_SECONDS - 0.1
    assert await rig.ask()
    rig.clock.seconds += 0.1
    assert not await rig.ask()
    assert len(rig.oracle.reviews) == 2


async def test_a_deny_counts_for_five_seconds(rig: Rig) -> None:
    assert not await rig.ask()
    rig.let_in()
    rig.clock.seconds += DENY_SECONDS - 0.1
    assert not await rig.ask()
    rig.clock.seconds += 0.1
    assert await rig.ask()


async def test_verbs_and_callers_are_decided_apart(rig: Rig) -> None:
    rig.let_in()
    assert await rig.ask()
    assert not await rig.access.allowed(CALLER, "delete")
    assert not await rig.access.allowed(account("other"), "create")
    assert not await rig.access.allowed(CALLER._replace(uid="another"), "get")


async def test_an_old_allow_counts_while_the_api_server_is_down_and_nobody_else_is_let_in(rig: Rig) -> None:
    rig.let_in()
    await rig.ask()
    rig.oracle.down = True
    rig.clock.seconds += ALLOW_SECONDS + STALE - 0.1
    assert await rig.ask()
    with pytest.raises(AuthorityUnavailable):
        await rig.access.allowed(account("other"), "create")
    rig.clock.seconds += 0.1
    with pytest.raises(AuthorityUnavailable):
        await rig.ask()


async def test_an_old_deny_never_becomes_an_allow(rig: Rig) -> None:
    assert not await rig.ask()
    rig.oracle.down = True
    rig.clock.seconds += DENY_SECONDS
    with pytest.raises(AuthorityUnavailable):
        await rig.ask()


async def test_old_allows_can_be_switched_off() -> None:
    rig = Rig(stale=0.0)
    rig.let_in()
    await rig.ask()
    rig.oracle.down = True
    rig.clock.seconds += ALLOW_SECONDS
    with pytest.raises(AuthorityUnavailable):
        await rig.ask()
