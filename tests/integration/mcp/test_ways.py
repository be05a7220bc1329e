"""A server of the official SDK is used alike in each way that it can be reached."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec
import pytest

from gagarin.core.config import StdioServer
from gagarin.server.tools.tool import Tool
from tests.integration.mcp.processes import SdkServer, called, offers, ready
from tests.unit.bridge.running import HAS_GO, Bridge
from tests.unit.server.tools.making import made
from tests.unit.server.waiting import until

WAYS = {
    "stateless": (),
    "stateless, answers as JSON": ("--json",),
    "handshake, with sessions": ("--era", "handshake"),
    "handshake, answers as JSON": ("--era", "handshake", "--json"),
    "handshake, without sessions": ("--era", "handshake", "--stateless"),
    "older transport": ("--transport", "sse"),
}


# Where the SDK's server does not learn that nobody waits any more.
DEAF = ("handshake, without sessions", "stateless, answers as JSON")


class Way(NamedTuple):
    """A connected Tool, and how it is reached."""

    name: str
    tool: Tool
    server: SdkServer | Bridge


@pytest.fixture(scope="module", params=[*WAYS, "sidecar"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, SdkServer | Bridge]]:
    """One for all tests."""
    name: str = request.param
    if name == "sidecar" and not HAS_GO:
        pytest.skip("the bridge is built with Go")
    socket = tmp_path_factory.mktemp("sockets") / "s"
    running = Bridge(socket) if name == "sidecar" else SdkServer(*WAYS[name])
    running.start()
    yield name, running
    running.stop()


@pytest.fixture
async def way(server: tuple[str, SdkServer | Bridge], session: aiohttp.ClientSession) -> AsyncIterator[Way]:
    """Connected anew for each test."""
    name, running = server
    if isinstance(running, Bridge):
        tool = made(session, running.socket.parent, type="Stdio", stdio=StdioServer(socket="s"))
    else:
        tool = made(session, Path(), type="MCP", mcp=running.tool)
    await ready(tool)
    yield Way(name, tool, running)
    await tool.close()


async def test_functions_are_listed_and_called(way: Way) -> None:
    functions = {function.name: function for function in await way.tool.functions()}
    assert functions["add"].description == "Add two numbers."
    assert functions["add"].parameters["required"] == ["a", "b"]
    assert await way.tool.functions() is await way.tool.functions()
    result = await called(way.tool, "add", a=2, b=3)
    assert (result.text, result.error) == ("5", False)
    weather = await called(way.tool, "weather", place="Rome")
    assert msgspec.json.decode(weather.text) == {"degrees": 4, "wind": "north"}
    picture = await called(way.tool, "picture")
    assert picture.text == "here:\n[image/png, 12 kB]\n[audio/wav, 3 bytes]\n[resource file:///plan, plan]"


async def test_a_failure_of_a_function_is_an_error(way: Way) -> None:
    result = await called(way.tool, "fail", why="so")
    assert result.error
    assert "Error executing tool fail" in result.text
    wrong = await called(way.tool, "add", a="no number")
    assert wrong.error
    assert (await called(way.tool, "add", a=1, b=1)).text == "2"


async def test_a_call_that_takes_long_does_not_hold_up_others(way: Way) -> None:
    slow = asyncio.create_task(called(way.tool, "wait", seconds=4.0))
    assert (await called(way.tool, "add", a=1, b=2)).text == "3"
    assert not slow.done()
    assert (await slow).text == "done"


async def test_a_call_that_hangs_is_cancelled_at_the_server_too(way: Way, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    async def marked(text: str) -> bool:
        return marks.exists() and marks.read_text() == text

    hanging = asyncio.create_task(called(way.tool, "wait", seconds=600.0, marks=str(marks)))
    await until(lambda: marked("begun"))
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    if way.name not in DEAF:
        await until(lambda: marked("cancelled"))
    assert (await called(way.tool, "add", a=1, b=2)).text == "3"


async def test_an_answer_of_ten_megabytes_is_an_error_that_costs_little(way: Way) -> None:
    await called(way.tool, "add", a=1, b=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = await called(way.tool, "huge", megabytes=10)
    assert result.error
    assert "more than 4194304 bytes" in result.text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24 * 1024
    assert (await called(way.tool, "add", a=1, b=2)).text == "3"


async def test_a_function_that_comes_up_later_is_offered(way: Way) -> None:
    assert (await called(way.tool, "grow", name="later")).text == "grown"
    if way.name == "handshake, without sessions":
        return  # a server that cannot tell is asked again after a minute
    await until(offers(way.tool, "later"))
    assert (await called(way.tool, "later")).text == "I am later"


async def test_a_server_that_dies_in_a_call_fails_that_call_only(way: Way) -> None:
    result = await called(way.tool, "die")
    assert result.error
    assert "conn" in result.text or "broke" in result.text
    if isinstance(way.server, SdkServer):
        way.server.stop()
        way.server.start()
    assert (await called(way.tool, "add", a=1, b=2)).text == "3"


async def test_arguments_that_a_server_wants_in_headers_are_there(way: Way) -> None:
    result = await called(way.tool, "region", name="Köln")
    wanted = "no header" if way.name in ("older transport", "sidecar") else "=?base64?S8O2bG4=?="
    assert result.text == wanted
