"""Child processes: when they are ready, what is passed on of them, and how they end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from gagarin.cli.dev.process import Child, Command, Patience, started
from gagarin.cli.errors import StartError

MODULE = "tests.unit.cli.dev.child"


def command(mode: str) -> Command:
    return Command(MODULE, (mode,), dict(os.environ))


def silence(_: str) -> None:
    """For tests in which nothing is to be passed on."""


async def start(mode: str) -> Child:
    return await started("one", command(mode), silence)


async def test_a_child_is_ready_when_it_names_its_port() -> None:
    child = await start("ready")
    assert child.port == 7
    await child.stop(10)


async def test_a_child_that_ends_before_is_an_error_with_its_last_words() -> None:
    with pytest.raises(StartError, match="one: ended with status 3 before it was ready:\n  no config"):
        await start("broken")


async def test_a_child_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with pytest.raises(StartError, match=r"one: not ready after 0\.3 s"):
        await started("one", command("mute"), silence, Patience(start=0.3))


async def test_what_a_child_says_is_passed_on_but_for_routine() -> None:
    said: list[str] = []
    child = await started("one", command("talkative"), said.append)
    assert await child.ended() == 3
    assert said == ['{"level": "error", "message": "trouble"}', "Traceback"]
    assert list(child.last_lines) == said


async def test_a_line_without_end_is_left_out() -> None:
    said: list[str] = []
    child = await started("one", command("endless"), said.append)
    await child.ended()
    assert said[-1] == "after it"
    assert all(len(line) < 2**20 for line in said)


async def test_a_child_that_does_not_listen_is_ended_by_force() -> None:
    child = await start("deaf")
    await child.stop(0.2)
    assert await child.ended() < 0
    await child.stop(0.2)  # and again is nothing


async def test_a_child_that_says_a_lot_at_its_end_is_not_ended_by_force() -> None:
    child = await start("chatty")
    await child.stop(30)
    assert await child.ended() == 5


async def test_a_child_that_says_things_without_end_is_ended_by_force() -> None:
    child = await start("noisy")
    await child.stop(0.2)
    assert await child.ended() < 0


def test_what_a_child_is_given_is_not_shown() -> None:
    assert "hidden" not in repr(Command("m", (), {"KEY": "hidden"}))


def test_a_child_ends_when_nobody_holds_its_input_any_more() -> None:
    module = [sys.executable, "-m", "gagarin.cli.dev.attached", MODULE, "deaf"]
    with subprocess.Popen(module, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == '{"port": 7}\n'
        child.stdin.close()
        assert child.wait(60) == 3


async def test_one_that_is_cancelled_while_it_starts_leaves_no_process() -> None:
    starting = asyncio.create_task(started("one", command("mute"), silence))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
