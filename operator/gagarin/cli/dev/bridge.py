"""Programs of Tools of type Stdio, as the bridge serves them in a pod: on a Unix socket, a process for each
connection, its standard input and output as they are.

A process is given the variables of its manifest and few of ours: keys in the developer's environment are not
for every tool. It ends with its connection, by itself or by force, and everything that it started with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from gagarin.cli.dev.plan import Program

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "VIRTUAL_ENV")
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
CHUNK = 64 * 1024
END_SECONDS = 2.0  # for a process to end by itself once its input has ended, and again after SIGTERM
Say = Callable[[str, str], None]  # who, what


class Bridge:
    """`program` may be replaced: the next connection has the new one. `folder` is where it runs."""

    def __init__(self, program: Program, folder: Path, say: Say, end_seconds: float = END_SECONDS) -> None:
        self.program = program
        self._folder = folder
        self._say = say
        self._end_seconds = end_seconds
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def open(self, socket: Path) -> None:
        """Listens."""
        self._server = await asyncio.start_unix_server(self._accept, socket)

    async def close(self) -> None:
        """Ends every process."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.gather(*self._ending)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            process = await self._started()
        except OSError as error:
            self._say(self.program.tool.name, f"{self.program.command[0]}: {error.strerror}")
            writer.close()
            return
        errors = asyncio.create_task(self._pass_on(process))
        try:
            await _connected(process, reader, writer)
        finally:
            writer.close()
            # A task of its own: whoever cancels this one has to leave no process either.
            ending = asyncio.create_task(self._end(process, errors))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.program.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of(self.program, os.environ),
            cwd=self._folder,
            start_new_session=True,
        )

    async def _pass_on(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.read(CHUNK):
            self._say(self.program.tool.name, line.decode(errors="replace").rstrip("\n"))

    async def _end(self, process: asyncio.subprocess.Process, errors: asyncio.Task[None]) -> None:
        rest = asyncio.create_task(_dropped(process))
        await self._ended(process)
        await asyncio.wait({errors, rest}, timeout=self._end_seconds)
        errors.cancel()
        rest.cancel()

    async def _ended(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._end_seconds)
                break
            _signal_group(process.pid, number)
        _signal_group(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):  # somebody outside of the group may hold its pipes
            await asyncio.wait_for(process.wait(), self._end_seconds)
        if process.returncode is not None and process.returncode > 0:
            self._say(self.program.tool.name, f"ended with exit status {process.returncode}")


async def _dropped(process: asyncio.subprocess.Process) -> None:
    """What it says when nobody listens any more is read to the end: until then its end is not seen."""
    assert process.stdout is not None
    while await process.stdout.read(CHUNK):
        pass


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _connected(
    process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Until the client leaves, or the process has said its last word."""
    assert process.stdin is not None
    assert process.stdout is not None
    ways = {
        asyncio.create_task(_carry(reader, process.stdin)),
        asyncio.create_task(_carry(process.stdout, writer)),
    }
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ways:
            task.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()


def environment_of(program: Program, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program."""
    kept = {name: value for name, value in ours.items() if name in PASSED_ON or name.lower() in PROXIES}
    return kept | dict(program.environment)
