"""Tools from end to end: real processes, a tool's server that comes late, an agent that asks another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.core.config import AgentPeer, HttpEndpoint, Limits, OpenApi, Tool, ToolAuth, ToolFunction
from tests.integration.server.conftest import Start
from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.tools.server import ToolServer, hanging, saying
from tests.unit.server.upstream import Upstream, answering, called, calling
from tests.unit.server.waiting import until

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


@pytest.fixture
async def server() -> AsyncIterator[ToolServer]:
    """The server of the tools."""
    made = ToolServer()
    await made.start()
    yield made
    await made.stop()


def http_tool(server: ToolServer, **changed: Any) -> Tool:
    functions = (ToolFunction(name="echo", parameters=TEXT),)
    endpoint = HttpEndpoint(url=f"{server.url}/echo", functions=functions, **changed)
    auth = ToolAuth(type="Bearer", value_file="team-a/openai/key")
    return Tool(name="echo", namespace="team-a", type="HTTP", description="Echoes.", http=endpoint, auth=auth)


async def chat(
    http: aiohttp.ClientSession, process: ServerProcess, caller: dict[str, str], **body: Any
) -> dict[str, Any]:
    async with http.post(f"{process.url}/chat", json={"input": "Hello", **body}, headers=caller) as response:
        found: dict[str, Any] = await response.json()
    assert response.status == 200, found
    return found


async def test_tools_are_called_and_their_events_streamed(
    start: Start, http: aiohttp.ClientSession, caller: dict[str, str], upstream: Upstream, server: ToolServer
) -> None:
    process = await start(tools=(http_tool(server),), time_zone="Asia/Kolkata")
    upstream.behaviours = [calling(called("echo", {"text": "x"}, id="a"), text="Wait."), answering("Done.")]
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    async with http.post(
        f"{process.url}/stream", json={"input": "Hello"}, headers={**caller, **trace}
    ) as response:
        text = await response.text()
    kinds = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert kinds == ["token", "tool", "tool", "token", "token", "usage", "done"]
    assert '"outcome":"ok"' in text
    (got,) = server.got
    assert (got.json, got.headers["Authorization"]) == ({"text": "x"}, "Bearer first-key")
    assert got.headers["traceparent"] == trace["traceparent"]
    system = upstream.bodies[0]["messages"][0]["content"]
    assert "Echoes." in system
    assert "(Asia/Kolkata, UTC+05:30)" in system
    line = await process.line(log="audit", function="echo")
    assert (line["tool"], line["outcome"]) == ("team-a/echo", "ok")
    assert "first-key" not in msgspec.json.encode(process.lines).decode()


async def test_a_tool_that_is_down_at_start_is_there_once_it_is_up(
    start: Start, http: aiohttp.ClientSession, caller: dict[str, str], upstream: Upstream, server: ToolServer
) -> None:
    document = {"openapi": "3.1.0", "paths": {"/pets": {"get": {"operationId": "listPets"}}}}
    await server.stop()
    open_api = OpenApi(url=f"{server.url}/openapi.json")
    process = await start(tools=(Tool(name="pets", namespace="team-a", type="OpenAPI", open_api=open_api),))
    await chat(http, process, caller)
    assert "tools" not in upstream.bodies[-1]
    server.behaviours = [saying(document)]
    await server.start()

    async def offered() -> bool:
        await chat(http, process, caller)
        return "tools" in upstream.bodies[-1]

    await until(offered, 30.0)


async def test_a_tool_that_hangs_holds_up_no_other_chat_and_ends_with_its_caller(
    start: Start, http: aiohttp.ClientSession, caller: dict[str, str], upstream: Upstream, server: ToolServer
) -> None:
    process = await start(tools=(http_tool(server),), limits=Limits(request_timeout=30.0))
    upstream.behaviours = [calling(called("echo", {"text": "x"}))]
    server.behaviours = [hanging]
    async with http.post(f"{process.url}/stream", json={"input": "Hello"}, headers=caller) as response:
        await response.content.readuntil(b"running")
        assert (await chat(http, process, caller))["answer"] == "Good day."
        response.close()
    await server.abandoned.wait()


async def test_an_agent_asks_another_one_with_its_own_identity(
    start: Start,
    http: aiohttp.ClientSession,
    caller: dict[str, str],
    api: ApiServer,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("peer")
    peer = ServerProcess(folder, api, upstream)
    await peer.start()
    try:
        tokens = folder / "tokens"
        (tokens / "team-a").mkdir(parents=True)
        (tokens / "team-a" / "expert").write_text(caller["Authorization"].removeprefix("Bearer "))
        agent = AgentPeer(name="expert", namespace="team-a", url=peer.url, token_file="team-a/expert")
        tool = Tool(name="expert", namespace="team-a", type="Agent", agent=agent)
        process = await start("--tokens", str(tokens), tools=(tool,))
        ask = calling(called("expert", {"input": "Visa?"}))
        upstream.behaviours = [ask, answering("Needed."), answering("You need one.")]
        first = await chat(http, process, caller)
        assert (first["answer"], first["tools"]) == ("You need one.", [{"name": "expert", "outcome": "ok"}])
        upstream.behaviours = [ask, answering("Yes."), answering("Still.")]
        await chat(http, process, caller, conversation=first["conversation"])
    finally:
        await peer.stop()
    asked = [body["messages"][1:] for body in upstream.bodies if body["messages"][-1]["content"] == "Visa?"]
    assert [len(messages) for messages in asked] == [1, 3]


def test_the_folder_of_tokens_is_apart_from_that_of_secrets(tmp_path: Path) -> None:
    from gagarin.server.settings import parse

    settings = parse(["--tokens", str(tmp_path)])
    assert settings.tokens == tmp_path
    assert settings.secrets != tmp_path
