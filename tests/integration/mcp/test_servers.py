"""Servers of the official SDK with lives of their own: late, restarted, guarded, breaking off."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.core.config import McpServer, StdioServer, ToolAuth
from gagarin.server.tools.tool import Tool
from tests.integration.mcp.processes import SdkServer, called, offered, offers, ready
from tests.unit.bridge.running import HAS_GO, Bridge
from tests.unit.server.tools.making import made
from tests.unit.server.waiting import until


@pytest.fixture
async def servers() -> AsyncIterator[list[SdkServer]]:
    """What is put here is stopped."""
    started: list[SdkServer] = []
    yield started
    for server in started:
        server.stop()


@pytest.fixture
async def tools() -> AsyncIterator[list[Tool]]:
    """What is put here is closed."""
    opened: list[Tool] = []
    yield opened
    for tool in opened:
        await tool.close()


async def revisions(sink: io.BytesIO) -> list[str]:
    """Those that were agreed on."""
    await asyncio.sleep(0)  # the log is written in the loop's next round
    lines: list[dict[str, Any]] = [msgspec.json.decode(line) for line in sink.getvalue().splitlines()]
    return [line["revision"] for line in lines if "revision" in line]


@pytest.mark.parametrize(
    ("options", "revision"), [((), "2026-07-28"), (("--era", "handshake"), "2025-11-25")]
)
async def test_the_newest_revision_that_both_speak_is_used(
    options: tuple[str, ...],
    revision: str,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    servers: list[SdkServer],
    tools: list[Tool],
) -> None:
    server = SdkServer(*options)
    servers.append(server)
    server.start()
    sink = io.BytesIO()
    tool = made(session, tmp_path, sink, type="MCP", mcp=server.tool)
    tools.append(tool)
    await ready(tool)
    assert await revisions(sink) == [revision]


@pytest.mark.parametrize(
    "options", [("--era", "handshake"), (), ("--transport", "sse")], ids=["sessions", "stateless", "older"]
)
async def test_a_server_that_was_restarted_between_calls_answers_the_next_one(
    options: tuple[str, ...],
    session: aiohttp.ClientSession,
    tmp_path: Path,
    servers: list[SdkServer],
    tools: list[Tool],
) -> None:
    server = SdkServer(*options)
    servers.append(server)
    server.start()
    tool = made(session, tmp_path, type="MCP", mcp=server.tool)
    tools.append(tool)
    await ready(tool)
    # In a thread: the loop has to see that the old connections are closed, as it would between two chats.
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    assert (await called(tool, "add", a=1, b=2)).text == "3"


async def test_a_server_that_is_down_at_start_is_there_once_it_is_up(
    session: aiohttp.ClientSession, tmp_path: Path, servers: list[SdkServer], tools: list[Tool]
) -> None:
    server = SdkServer()
    servers.append(server)
    server.start()
    server.stop()
    sink = io.BytesIO()
    tool = made(session, tmp_path, sink, type="MCP", mcp=server.tool)
    tools.append(tool)
    await tool.start()
    assert await offered(tool) == []
    server.start()
    await until(offers(tool, "add"), 30.0)
    assert sink.getvalue().count(b"cannot be used") == 1


@pytest.mark.skipif(not HAS_GO, reason="the bridge is built with Go")
async def test_a_sidecar_that_comes_up_late_is_there_then(
    session: aiohttp.ClientSession, tmp_path: Path, tools: list[Tool]
) -> None:
    tool = made(session, tmp_path, type="Stdio", stdio=StdioServer(socket="s"))
    tools.append(tool)
    await tool.start()
    assert await offered(tool) == []
    bridge = Bridge(tmp_path / "s")
    bridge.start()
    await until(offers(tool, "add"), 30.0)
    assert bridge.stop() == 0


async def test_a_password_is_read_again_when_it_was_changed(
    session: aiohttp.ClientSession, tmp_path: Path, servers: list[SdkServer], tools: list[Tool]
) -> None:
    password = tmp_path / "team-a" / "server" / "token"
    password.parent.mkdir(parents=True)
    password.write_text("first\n")
    server = SdkServer("--era", "handshake", "--password", str(password))
    servers.append(server)
    server.start()
    auth = ToolAuth(type="Bearer", value_file="team-a/server/token")
    tool = made(session, tmp_path, type="MCP", mcp=server.tool, auth=auth)
    tools.append(tool)
    await ready(tool)
    assert (await called(tool, "whoami")).text == "Bearer first 00-abc"
    password.write_text("second\n")
    assert (await called(tool, "whoami")).text == "Bearer second 00-abc"
    password.unlink()
    assert "cannot be read" in (await called(tool, "whoami")).text
    password.write_text("third\n")
    assert (await called(tool, "whoami")).text == "Bearer third 00-abc"


async def test_a_wrong_password_says_where_to_look(
    session: aiohttp.ClientSession, tmp_path: Path, servers: list[SdkServer], tools: list[Tool]
) -> None:
    password = tmp_path / "password"
    password.write_text("right")
    (tmp_path / "wrong").write_text("wrong")
    server = SdkServer("--password", str(password))
    servers.append(server)
    server.start()
    sink = io.BytesIO()
    auth = ToolAuth(type="Bearer", value_file="wrong")
    tool = made(session, tmp_path, sink, type="MCP", mcp=server.tool, auth=auth)
    tools.append(tool)
    await tool.start()
    assert await offered(tool) == []
    assert b"status 401; see the auth of the Tool" in sink.getvalue()


async def test_a_stream_that_is_broken_off_is_taken_up_again(
    session: aiohttp.ClientSession, tmp_path: Path, servers: list[SdkServer], tools: list[Tool]
) -> None:
    server = SdkServer("--era", "handshake", "--resumable")
    servers.append(server)
    server.start()
    tool = made(session, tmp_path, type="MCP", mcp=server.tool)
    tools.append(tool)
    await ready(tool)
    assert (await called(tool, "interrupted")).text == "after all"


async def test_the_wrong_transport_is_said(
    session: aiohttp.ClientSession, tmp_path: Path, servers: list[SdkServer], tools: list[Tool]
) -> None:
    server = SdkServer("--transport", "sse")
    servers.append(server)
    server.start()
    sink = io.BytesIO()
    tool = made(session, tmp_path, sink, type="MCP", mcp=McpServer(url=server.tool.url))
    tools.append(tool)
    await tool.start()
    assert await offered(tool) == []
    assert b"the Tool needs transport: SSE" in sink.getvalue()


async def test_many_callers_share_one_connection(
    session: aiohttp.ClientSession, tmp_path: Path, servers: list[SdkServer], tools: list[Tool]
) -> None:
    server = SdkServer("--transport", "sse")
    servers.append(server)
    server.start()
    tool = made(session, tmp_path, type="MCP", mcp=server.tool)
    tools.append(tool)
    await ready(tool)
    results = await asyncio.gather(*(called(tool, "add", a=number, b=1) for number in range(50)))
    assert [result.text for result in results] == [str(number + 1) for number in range(50)]
