"""Programs that are kept running."""

from __future__ import annotations

import asyncio
import os

import pytest

from gagarin.cli.dev.process import Command, Patience
from gagarin.cli.dev.programs import RunningProgram
from gagarin.cli.dev.report import Report
from gagarin.cli.errors import StartError

QUICK = Patience(start=20, drain=5, end=1, again=0.01)


class Screen:
    """What is said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def say(self, line: str) -> None:
        self.lines.append(line)
        self._more.set()

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(60):
            while not any(text in line for line in self.lines):
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def screen() -> Screen:
    return Screen()


def program(screen: Screen) -> RunningProgram:
    return RunningProgram("one", Report(screen.say), QUICK)


def command(mode: str, *more: str) -> Command:
    return Command("tests.unit.cli.dev.child", (mode, *more), dict(os.environ))


async def test_one_that_ends_is_started_again_and_its_last_words_are_told(screen: Screen) -> None:
    one = program(screen)
    await one.start(command("talkative"))
    await screen.shows("one runs again")
    await one.end()
    assert "one ended with status 3; it is started again in 0.01 s" in "\n".join(screen.lines)
    assert "  Traceback" in "\n".join(screen.lines)
    assert not one.runs


async def test_one_that_does_not_start_again_is_tried_again(
    screen: Screen, tmp_path: os.PathLike[str]
) -> None:
    one = program(screen)
    await one.start(command("once", os.fspath(tmp_path)))
    await screen.shows("one: ended with status 3 before it was ready")
    await screen.shows("next try in 0.04 s")
    await one.end()


async def test_one_that_is_replaced_runs_the_other_command(screen: Screen) -> None:
    one = program(screen)
    await one.start(command("ready"))
    await one.replace(command("deaf"))
    assert one.runs
    await one.end()
    assert screen.lines == []


async def test_one_that_cannot_be_replaced_does_not_run(screen: Screen) -> None:
    one = program(screen)
    await one.start(command("ready"))
    with pytest.raises(StartError):
        await one.replace(command("broken"))
    assert not one.runs
    await one.stop()


async def test_one_that_has_run_for_long_waits_as_at_first(screen: Screen) -> None:
    times = iter(range(0, 10_000, 100))
    one = RunningProgram("one", Report(screen.say), QUICK, clock=lambda: float(next(times)))
    await one.start(command("talkative"))
    async with asyncio.timeout(60):
        while sum("runs again" in line for line in screen.lines) < 3:
            await asyncio.sleep(0.01)
    await one.end()
    assert sum("again in 0.01 s" in line for line in screen.lines) >= 3
