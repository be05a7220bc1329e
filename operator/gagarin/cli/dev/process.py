"""Child processes that say when they are ready: the chat servers and the stub of `gagarin dev`.

A child is ready when it prints a JSON line that has a `port`. What it prints after that is passed on, but for
routine (JSON lines of the level `info`). It ends with this process, however that ends (see `attached`), and
hears nothing of the terminal's Ctrl-C: who started it ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from gagarin.cli.errors import StartError

PIPE_SECONDS = 2.0  # for the output of a child that was killed to end: a process of its own may still hold it
Echo = Callable[[str], None]


class Patience(NamedTuple):
    """For how many seconds a child may start, finish what it is doing when it is replaced, and end when all
    ends; and for how long it is not started again after it has ended by itself, at first."""

    start: float = 30.0
    drain: float = 10.0
    end: float = 1.0
    again: float = 1.0


PATIENT = Patience()


class Command(NamedTuple):
    """A Python module, its arguments and its whole environment."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def __repr__(self) -> str:
        """Without the environment."""
        return f"Command({self.module!r}, {self.arguments!r})"


class Child:
    """A running Python module; `ready` is the JSON object it announced itself with."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, echo: Echo) -> None:
        self.name = name
        self.ready: dict[str, Any] = {}
        self.last_lines: deque[str] = deque(maxlen=5)
        self._process = process
        self._echo = echo

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self.ready["port"])

    async def announced(self, patience: Patience) -> None:
        """Returns when the child is ready. Raises `StartError` with its last words if it ends before."""
        try:
            async with asyncio.timeout(patience.start):
                await self._read_until_ready()
        except TimeoutError:
            raise StartError(f"{self.name}: not ready after {patience.start:g} s") from None

    async def _read_until_ready(self) -> None:
        while line := await self._line():
            self.ready = _announcement(line)
            if self.ready:
                return
            self.last_lines.append(line)
        status = await self._process.wait()
        said = "\n  ".join(self.last_lines) or "it said nothing"
        raise StartError(f"{self.name}: ended with status {status} before it was ready:\n  {said}")

    async def ended(self) -> int:
        """Passes on what matters of the child's lines until it ends; returns its exit status."""
        while line := await self._line():
            if _object(line).get("level") != "info":
                self.last_lines.append(line)
                self._echo(line)
        return await self._process.wait()

    async def stop(self, patience: float) -> None:
        """Asks the child to end, waits for so many seconds, and ends it by force if it does not. What it says
        meanwhile is lost."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._over(), patience)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over(), PIPE_SECONDS)

    async def _over(self) -> None:
        """Its output is read to the end: who writes to a full pipe cannot end, and its pipe stays open."""
        assert self._process.stdout is not None
        while await self._process.stdout.read(2**16):
            pass
        await self._process.wait()

    async def _line(self) -> str:
        """The next line that is not empty; "" at the end. One that is longer than a megabyte is left out."""
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                continue
            text = line.decode(errors="replace").strip("\r\n")
            if text or not line:
                return text


def _announcement(line: str) -> dict[str, Any]:
    value = _object(line)
    return value if isinstance(value.get("port"), int) else {}


def _object(line: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}
    return value if isinstance(value, dict) else {}


async def started(name: str, command: Command, echo: Echo, patience: Patience = PATIENT) -> Child:
    """The module as a process that is ready. Raises `StartError`; then there is no process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gagarin.cli.dev.attached",
        command.module,
        *command.arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=command.environment,
        limit=2**20,
        start_new_session=True,
    )
    child = Child(name, process, echo)
    try:
        await child.announced(patience)
    except BaseException:
        await child.stop(patience.end)
        raise
    return child
