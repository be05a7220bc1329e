"""Each Tool of a configuration becomes one of its type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gagarin.core.config import AgentPeer, HttpEndpoint, McpServer, OpenApi, StdioServer
from gagarin.server.tools.agent import AgentTool
from gagarin.server.tools.http import HttpTool
from gagarin.server.tools.mcp.client import McpTool
from gagarin.server.tools.openapi import OpenApiTool
from tests.unit.server.tools.making import made

PEER = AgentPeer(name="helper", namespace="team-b", url="http://x", token_file="t")


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"type": "HTTP", "http": HttpEndpoint(url="http://x")}, HttpTool),
        ({"type": "OpenAPI", "open_api": OpenApi(url="http://x")}, OpenApiTool),
        ({"type": "Agent", "agent": PEER}, AgentTool),
        ({"type": "MCP", "mcp": McpServer(url="http://x")}, McpTool),
        ({"type": "Stdio", "stdio": StdioServer(socket="s")}, McpTool),
    ],
)
async def test_a_tool_is_made_by_its_type(
    session: aiohttp.ClientSession, tmp_path: Path, members: dict[str, Any], kind: type
) -> None:
    tool = made(session, tmp_path, **members)
    assert isinstance(tool, kind)
    assert tool.name == "team-a/tool"
