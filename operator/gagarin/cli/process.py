"""Child processes that say when they are ready: the chat servers and the stub of `gagarin dev`.

A child is ready when it prints a JSON line that has a `port`. What it prints after that is passed on with its
name in front, but for routine (JSON lines of the level `info`). Ending the group ends every child: first by
asking, then by force.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from gagarin.cli.errors import StartError

Echo = Callable[[str], None]


class Patience(NamedTuple):
    """For how many seconds a child may start, and stop."""

    start: float = 30.0
    stop: float = 10.0


PATIENT = Patience()


class Child:
    """A running Python module; `ready` is the JSON object it announced itself with."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, echo: Echo, patience: Patience
    ) -> None:
        self.name = name
        self._patience = patience
        self.ready: dict[str, Any] = {}
        self._process = process
        self._echo = echo
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self.ready["port"])

    async def announced(self) -> None:
        """Returns when the child is ready. Raises `StartError` with its last words if it ends before."""
        try:
            async with asyncio.timeout(self._patience.start):
                await self._read_until_ready()
        except TimeoutError:
            raise StartError(f"{self.name}: not ready after {self._patience.start:g} s") from None

    async def _read_until_ready(self) -> None:
        while line := await self._line():
            self.ready = _announcement(line)
            if self.ready:
                return
            self._last_lines.append(line)
        status = await self._process.wait()
        said = "\n  ".join(self._last_lines) or "it said nothing"
        raise StartError(f"{self.name}: ended with status {status} before it was ready:\n  {said}")

    async def ended(self) -> int:
        """Passes on what matters of the child's lines until it ends; returns its exit status."""
        while line := await self._line():
            if _object(line).get("level") != "info":
                self._echo(f"[{self.name}] {line}")
        return await self._process.wait()

    async def stop(self) -> None:
        """Asks the child to end, waits, and ends it by force if it does not."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), self._patience.stop)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode(errors="replace").rstrip("\n")


def _announcement(line: str) -> dict[str, Any]:
    value = _object(line)
    return value if isinstance(value.get("port"), int) else {}


def _object(line: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


class ProcessGroup:
    """Starts children and stops all of them when the block is left, however it is left."""

    def __init__(self, echo: Echo, patience: Patience = PATIENT) -> None:
        self._echo = echo
        self._patience = patience
        self._children: list[Child] = []

    async def start(self, name: str, module: str, *arguments: str) -> Child:
        """Runs `python -m module arguments` and returns it when it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**20,
        )
        child = Child(name, process, self._echo, self._patience)
        self._children.append(child)
        await child.announced()
        return child

    async def first_to_end(self) -> tuple[Child, int]:
        """Passes on what the children say, until one of them ends: that one and its exit status."""
        tasks = {asyncio.create_task(child.ended()): child for child in self._children}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        first = done.pop()
        return tasks[first], first.result()

    async def __aenter__(self) -> ProcessGroup:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(child.stop() for child in self._children))
