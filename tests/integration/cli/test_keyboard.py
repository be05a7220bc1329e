"""`gagarin chat` at the keyboard: in a terminal of its own, where Ctrl-C is a key."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.unit.client.instance import Instance, event, threaded, writing

SECONDS = 60.0
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"
ANSWER = writing(event(1, "token", {"text": "Good *day*."}), event(2, "done", {"conversation": "c1"}))


class Terminal:
    """The program, what it shows, and the keys that are pressed."""

    def __init__(self, program: subprocess.Popen[bytes], end: int) -> None:
        self.program = program
        self._end = end
        self._shown = ""

    def until(self, text: str) -> str:
        """What is shown up to the text."""
        while text not in self._shown:
            assert select.select([self._end], [], [], SECONDS)[0], f"no {text!r} in {self._shown!r}"
            self._shown += os.read(self._end, 65536).decode()
        before, _, self._shown = self._shown.partition(text)
        return before

    def press(self, keys: str) -> None:
        """One key after the other."""
        os.write(self._end, keys.encode())


@pytest.fixture
def served() -> Iterator[Instance]:
    server = Instance()
    with threaded(server):
        yield server


@contextmanager
def chatting(served: Instance, home: Path) -> Iterator[Terminal]:
    """A program whose terminal this is, and which minds Ctrl-C even if the tests run in the background."""
    alone = ("setsid", "--ctty", "env", "--default-signal=INT")
    command = (*alone, sys.executable, "-m", "gagarin.cli", "chat", "--url", served.url)
    variables = os.environ | {"GAGARIN_TOKEN": "t", "HOME": str(home), "TERM": "xterm", "COLUMNS": "80"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables) as program:
        os.close(theirs)
        try:
            yield Terminal(program, ours)
        finally:
            program.kill()
            os.close(ours)


def test_questions_are_answered_until_there_are_no_more(served: Instance, tmp_path: Path) -> None:
    served.behaviours = [ANSWER, ANSWER]
    with chatting(served, tmp_path) as terminal:
        terminal.until("> ")
        terminal.press("Hello\r")
        terminal.until("Good ")
        terminal.until("> ")
        terminal.press(f"{UP} again\r")
        terminal.until("Good ")
        terminal.until("> ")
        terminal.press(CTRL_D)
        terminal.until("go on later with -c c1")
        assert terminal.program.wait(SECONDS) == 0
    assert [body for *_, body in served.requests] == [
        {"input": "Hello"},
        {"input": "Hello again", "conversation": "c1"},
    ]


def test_ctrl_c_stops_an_answer_and_the_next_question_may_be_asked(served: Instance, tmp_path: Path) -> None:
    gone = threading.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(event(1, "token", {"text": "Well, "}))
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return response

    served.behaviours = [endless, ANSWER]
    with chatting(served, tmp_path) as terminal:
        terminal.until("> ")
        terminal.press("Hello\r")
        terminal.until("Well,")
        terminal.press(CTRL_C)
        terminal.until("(stopped)")
        assert gone.wait(SECONDS)
        terminal.until("> ")
        terminal.press("Once more\r")
        terminal.until("Good ")
        terminal.until("> ")
