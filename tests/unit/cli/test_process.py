"""Child processes: when they are ready, what is passed on of them, and how they end."""

from __future__ import annotations

import pytest

from gagarin.cli.errors import StartError
from gagarin.cli.process import Patience, ProcessGroup

MODULE = "tests.unit.cli.child"


def silence(_: str) -> None:
    """For tests in which nothing is to be passed on."""


async def test_a_child_is_ready_when_it_names_its_port() -> None:
    async with ProcessGroup(silence) as group:
        child = await group.start("one", MODULE, "ready")
        assert child.port == 7


async def test_a_child_that_ends_before_is_an_error_with_its_last_words() -> None:
    async with ProcessGroup(silence) as group:
        with pytest.raises(StartError, match="one: ended with status 3 before it was ready:\n  no config"):
            await group.start("one", MODULE, "broken")


async def test_a_child_that_says_nothing_is_not_waited_for_for_ever() -> None:
    async with ProcessGroup(silence, Patience(start=0.3)) as group:
        with pytest.raises(StartError, match=r"one: not ready after 0\.3 s"):
            await group.start("one", MODULE, "mute")


async def test_what_a_child_says_is_passed_on_but_for_routine() -> None:
    said: list[str] = []
    async with ProcessGroup(said.append) as group:
        await group.start("one", MODULE, "talkative")
        child, status = await group.first_to_end()
    assert (child.name, status) == ("one", 3)
    assert said == ['[one] {"level": "error", "message": "trouble"}', "[one] Traceback"]


async def test_the_first_child_to_end_is_told_and_the_others_are_ended() -> None:
    async with ProcessGroup(silence) as group:
        await group.start("one", MODULE, "ready")
        await group.start("two", MODULE, "talkative")
        child, _ = await group.first_to_end()
    assert child.name == "two"


async def test_a_child_that_does_not_listen_is_ended_by_force() -> None:
    async with ProcessGroup(silence, Patience(stop=0.2)) as group:
        child = await group.start("one", MODULE, "deaf")
    assert await child.ended() < 0
