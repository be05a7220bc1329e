"""A configured Tool becomes a client that reaches its server in the way that is configured."""

from __future__ import annotations

import base64
import io
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gagarin.core.config import McpServer, StdioServer, ToolAuth
from gagarin.server.tools.tool import Tool
from tests.unit.server.certificates import self_signed
from tests.unit.server.tools.making import made
from tests.unit.server.tools.mcp import scripted
from tests.unit.server.tools.mcp.scripted import ScriptedServer
from tests.unit.server.turning import context
from tests.unit.server.waiting import until


class Made:
    """Makes Tools, and remembers what they logged."""

    def __init__(self, session: aiohttp.ClientSession, folder: Path) -> None:
        self.folder = folder
        self.sink = io.BytesIO()
        self.tools: list[Tool] = []
        self._session = session

    async def start(self, **members: Any) -> Tool:
        tool = made(self._session, self.folder, self.sink, **members)
        self.tools.append(tool)
        await tool.start()
        return tool

    async def connected(self, **members: Any) -> Tool:
        tool = await self.start(**members)

        async def it_is() -> bool:
            return bool(await tool.functions())

        await until(it_is)
        return tool

    async def logs(self, words: str) -> None:
        await until(self._logged(words))

    def _logged(self, words: str) -> Callable[[], Any]:
        async def it_is() -> bool:
            return words.encode() in self.sink.getvalue()

        return it_is


@pytest.fixture
async def making(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Made]:
    maker = Made(session, tmp_path)
    yield maker
    for tool in maker.tools:
        await tool.close()


async def test_a_server_over_http_is_called(making: Made, server: ScriptedServer) -> None:
    tool = await making.connected(type="MCP", mcp=McpServer(url=f"{server.url}/mcp"))
    assert tool.name == "team-a/tool"
    result = await tool.call("echo", {"a": 1}, context())
    assert result.text == '{"name":"echo","arguments":{"a":1}}'
    assert server.methods()[:4] == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list",
    ]


async def test_a_password_goes_along_and_is_read_for_each_request(
    making: Made, server: ScriptedServer
) -> None:
    (making.folder / "user").write_text("me")
    (making.folder / "password").write_text("first")
    auth = ToolAuth(type="Basic", username_file="user", password_file="password")
    tool = await making.connected(type="MCP", mcp=McpServer(url=server.url), auth=auth)
    (making.folder / "password").write_text("the second")
    await tool.call("echo", {}, context())
    sent = server.last("tools/call").headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"me:the second"


async def test_a_header_that_the_tool_names_goes_along(making: Made, server: ScriptedServer) -> None:
    (making.folder / "key").write_text("k-1")
    auth = ToolAuth(type="Header", header="X-Api-Key", value_file="key")
    await making.connected(type="MCP", mcp=McpServer(url=server.url), auth=auth)
    assert {got.headers["X-Api-Key"] for got in server.got} == {"k-1"}


async def test_a_private_authority_is_trusted_by_the_tool_that_names_it(making: Made) -> None:
    certificate, key = self_signed("localhost")
    (making.folder / "both.pem").write_text(certificate + key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(making.folder / "both.pem")
    server = ScriptedServer()
    await server.start(tls)
    url = f"https://localhost:{server.port}/mcp"
    await making.connected(type="MCP", mcp=McpServer(url=url), ca_bundle=certificate)
    await making.start(type="MCP", mcp=McpServer(url=url))
    await making.logs("its certificate is not trusted")
    await server.stop()


async def test_the_older_transport_is_taken_where_it_is_named(making: Made, server: ScriptedServer) -> None:
    server.on["GET"] = [scripted.saying(b"", status=503)]
    await making.start(type="MCP", mcp=McpServer(url=server.url, transport="SSE"))
    await making.logs("status 503")
    assert set(server.methods()) == {"GET"}


async def test_a_sidecar_is_reached_over_its_socket(making: Made) -> None:
    await making.start(type="Stdio", stdio=StdioServer(socket="team-a.tool"))
    await making.logs("its sidecar cannot be reached: no such file or directory")


async def test_a_url_that_is_none_is_said(making: Made) -> None:
    await making.start(type="MCP", mcp=McpServer(url="http://[nonsense"))
    await making.logs("its URL is wrong")


async def test_a_server_on_a_metadata_address_is_refused(making: Made) -> None:
    await making.start(type="MCP", mcp=McpServer(url="http://169.254.169.254/mcp"))
    await making.logs("metadata service")


def test_a_chat_server_without_such_a_tool_imports_none_of_this() -> None:
    program = "import sys, gagarin.server.process; print([m for m in sys.modules if 'mcp' in m])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
