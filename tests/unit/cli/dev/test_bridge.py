"""Programs of tools on Unix sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gagarin.cli.dev.bridge import Bridge, environment_of
from gagarin.cli.dev.plan import Program
from gagarin.core.objects import Key

TOOL = Key("Tool", "default", "it")


class Heard(list[tuple[str, str]]):
    """What was said of the tool."""

    def say(self, name: str, text: str) -> None:
        self.append((name, text))


def program(*command: str, **environment: str) -> Program:
    return Program(TOOL, "s", command, environment)


@asynccontextmanager
async def bridged(folder: Path, what: Program, heard: Heard, seconds: float = 5.0) -> AsyncIterator[Path]:
    bridge = Bridge(what, folder, heard.say, seconds)
    await bridge.open(folder / "s")
    try:
        yield folder / "s"
    finally:
        await bridge.close()


async def until_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        return await reader.read()


async def eventually(heard: Heard, text: str) -> None:
    async with asyncio.timeout(60):
        while not any(text in line for _, line in heard):
            await asyncio.sleep(0.01)


async def test_each_connection_is_a_process_of_its_own(tmp_path: Path) -> None:
    async with bridged(tmp_path, program("sh", "-c", "read a; echo $$ $a; cat"), Heard()) as socket:
        one, two = [await asyncio.open_unix_connection(socket) for _ in range(2)]
        for (_, writer), text in ((one, b"a\n"), (two, b"b\n")):
            writer.write(text)
        first, second = await one[0].readline(), await two[0].readline()
        assert (first.split()[1], second.split()[1]) == (b"a", b"b")
        assert first.split()[0] != second.split()[0]
        for _, writer in (one, two):
            writer.close()


async def test_a_program_runs_in_the_folder_of_the_manifests(tmp_path: Path) -> None:
    async with bridged(tmp_path, program("pwd"), Heard()) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        assert (await until_end(reader)).decode().strip() == str(tmp_path.resolve())
        writer.close()


async def test_what_it_writes_to_standard_error_and_how_it_fails_is_told(tmp_path: Path) -> None:
    heard = Heard()
    async with bridged(tmp_path, program("sh", "-c", "echo why >&2; exit 3"), heard) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        assert await until_end(reader) == b""
        await eventually(heard, "ended with exit status 3")
        await eventually(heard, "why")
        writer.close()
    assert {name for name, _ in heard} == {"it"}


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    heard = Heard()
    async with bridged(tmp_path, program("./none"), heard) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        assert await until_end(reader) == b""
        writer.close()
    assert heard == [("it", "./none: No such file or directory")]


async def test_a_process_ends_with_its_connection_and_all_that_it_started_too(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 1000 & echo $! $$; while :; do sleep 0.05; done"
    async with bridged(tmp_path, program("sh", "-c", script), Heard(), 0.1) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        pids = [int(pid) for pid in (await reader.readline()).split()]
        writer.close()
        async with asyncio.timeout(60):
            while any(is_alive(pid) for pid in pids):
                await asyncio.sleep(0.01)


async def test_a_process_that_writes_without_end_ends_too(tmp_path: Path) -> None:
    async with bridged(tmp_path, program("sh", "-c", "echo $$; exec yes"), Heard(), 0.1) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        pid = int(await reader.readline())
        writer.close()
        async with asyncio.timeout(60):
            while is_alive(pid):
                await asyncio.sleep(0.01)


async def test_closing_ends_every_process(tmp_path: Path) -> None:
    async with bridged(tmp_path, program("sh", "-c", "echo $$; cat"), Heard()) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        pid = int(await reader.readline())
    assert not is_alive(pid)
    writer.close()


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GAGARIN_TOKEN"])
def test_keys_of_the_developer_are_not_for_tools(name: str) -> None:
    ours = {name: "x", "PATH": os.defpath, "HTTPS_PROXY": "http://proxy"}
    assert environment_of(program("p", KEY="own"), ours) == {
        "PATH": os.defpath,
        "HTTPS_PROXY": "http://proxy",
        "KEY": "own",
    }
