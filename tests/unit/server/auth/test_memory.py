"""Answers of the API server: asked for once, remembered for their time, never made up."""

from __future__ import annotations

import asyncio

import pytest

from gagarin.server.auth import memory
from gagarin.server.auth.memory import PAUSE_SECONDS, Lifetime, Memory
from gagarin.server.errors import AuthorityUnavailable
from tests.unit.server.auth.oracle import quiet
from tests.unit.server.clock import Clock


class Rig:
    """A memory of a server that says what `answers` has."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.memory: Memory[str, str] = Memory(
            lambda answer: Lifetime(30.0, 300.0) if answer == "yes" else Lifetime(5.0),
            quiet(),
            "nobody knows",
            self.clock,
        )
        self.answers: dict[str, str] = {}
        self.down = False
        self.gate: asyncio.Event | None = None
        self.asked: list[str] = []

    async def ask(self, question: str = "may I?") -> str:
        return await self.memory.get(question, lambda: self._answer(question))

    async def _answer(self, question: str) -> str:
        self.asked.append(question)
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise AuthorityUnavailable("connection refused")
        return self.answers.get(question, "no")


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_each_answer_counts_for_its_own_time(rig: Rig) -> None:
    rig.answers["may I?"] = "yes"
    assert (await rig.ask(), await rig.ask("may she?")) == ("yes", "no")
    rig.answers = {"may she?": "yes"}
    rig.clock.seconds += 5.0
    assert (await rig.ask(), await rig.ask("may she?")) == ("yes", "yes")
    rig.clock.seconds += 25.0
    assert await rig.ask() == "no"
    assert len(rig.asked) == 4


async def test_many_who_ask_at_once_wait_for_one_answer(rig: Rig) -> None:
    rig.gate = asyncio.Event()
    asking = [asyncio.create_task(rig.ask()) for _ in range(50)]
    await asyncio.sleep(0)
    rig.gate.set()
    assert await asyncio.gather(*asking) == ["no"] * 50
    assert len(rig.asked) == 1


async def test_one_who_leaves_does_not_spoil_the_answer_for_the_others(rig: Rig) -> None:
    rig.gate = asyncio.Event()
    first, second = asyncio.create_task(rig.ask()), asyncio.create_task(rig.ask())
    await asyncio.sleep(0)
    first.cancel()
    rig.gate.set()
    assert await second == "no"


async def test_an_answer_that_may_counts_on_while_there_is_no_newer_one(rig: Rig) -> None:
    rig.answers["may I?"] = "yes"
    await rig.ask()
    await rig.ask("may she?")
    rig.down = True
    rig.clock.seconds += 329.0
    assert await rig.ask() == "yes"
    with pytest.raises(AuthorityUnavailable):
        await rig.ask("may she?")
    rig.clock.seconds += 1.0
    with pytest.raises(AuthorityUnavailable):
        await rig.ask()


async def test_a_server_that_is_down_is_not_asked_by_everyone(rig: Rig) -> None:
    rig.down = True
    for _ in range(10):
        with pytest.raises(AuthorityUnavailable):
            await rig.ask()
    assert len(rig.asked) == 1
    rig.down = False
    rig.clock.seconds += PAUSE_SECONDS
    assert await rig.ask() == "no"


async def test_what_is_remembered_does_not_grow_without_bound(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_CACHED", 2)
    for number in range(4):
        await rig.ask(f"question {number}")
    assert len(rig.memory._known) == 2


async def test_an_answer_that_is_cut_off_leaves_nothing_behind(rig: Rig) -> None:
    rig.gate = asyncio.Event()
    asking = asyncio.create_task(rig.ask())
    await asyncio.sleep(0)
    (review,) = rig.memory._asking.values()
    review.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not rig.memory._asking
