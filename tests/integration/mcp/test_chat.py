"""A chat in which the model calls a server on the network and one in a sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from gagarin.core.config import StdioServer, Tool
from tests.integration.mcp.processes import SdkServer
from tests.integration.server.conftest import Start
from tests.unit.bridge.running import HAS_GO, Bridge
from tests.unit.server.upstream import Upstream, answering, called, calling


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[SdkServer, Bridge]]:
    """One on the network and one in a sidecar."""
    remote, sidecar = SdkServer(), Bridge(tmp_path / "team-a.local")
    remote.start()
    sidecar.start()
    yield remote, sidecar
    remote.stop()
    assert sidecar.stop() == 0


@pytest.mark.skipif(not HAS_GO, reason="the bridge is built with Go")
async def test_the_model_calls_servers_on_the_network_and_in_a_sidecar(
    start: Start,
    http: aiohttp.ClientSession,
    caller: dict[str, str],
    upstream: Upstream,
    servers: tuple[SdkServer, Bridge],
    tmp_path: Path,
) -> None:
    remote, _ = servers
    chat_server = await start(
        *("--sockets", str(tmp_path)),
        tools=(
            Tool(name="remote", namespace="team-a", type="MCP", mcp=remote.tool, allowed_functions=("add",)),
            Tool(
                name="local",
                namespace="team-a",
                type="Stdio",
                stdio=StdioServer(socket="team-a.local"),
                allowed_functions=("weather",),
            ),
        ),
    )
    for name in ("team-a/remote", "team-a/local"):
        await chat_server.line(message="connected to a tool's server", tool=name)
    calls = called("add", {"a": 2, "b": 3}, id="1"), called("weather", {"place": "Rome"}, id="2", index=1)
    upstream.behaviours = [calling(*calls), answering("It is 5.")]
    async with http.post(f"{chat_server.url}/chat", json={"input": "Hello"}, headers=caller) as response:
        answer = await response.json()
    assert answer["answer"] == "It is 5."
    results = [message["content"] for message in upstream.bodies[1]["messages"] if message["role"] == "tool"]
    assert [(each["name"], each["outcome"]) for each in answer["tools"]] == [
        ("add", "ok"),
        ("weather", "ok"),
    ], results
    assert results[0] == "5"
    assert '"wind": "north"' in results[1]
