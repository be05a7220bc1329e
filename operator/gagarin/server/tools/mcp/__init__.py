"""Tools that are servers of the Model Context Protocol (https://modelcontextprotocol.io), in both of its
eras.

    client      one Tool: connected in the background, listed, called
    session     a conversation with a server: the eras, the calls
    link        what a way to a server has to do; the ways are `streamable`, `sse` and `socket`
    messages, events, listing, results, headers     pure: what is on the wire

Nothing here is imported by a chat server without such a Tool.
"""

from __future__ import annotations

from pathlib import Path

import aiohttp

from gagarin.core import config
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import TrustStore
from gagarin.server.tools.endpoint import Credentials, Endpoint
from gagarin.server.tools.mcp.client import McpTool
from gagarin.server.tools.mcp.link import Heard, Link
from gagarin.server.tools.mcp.server import HttpServer
from gagarin.server.tools.mcp.socket import SocketLink
from gagarin.server.tools.mcp.sse import SseLink
from gagarin.server.tools.mcp.streamable import StreamableLink
from gagarin.serving.logs import Log


def mcp_tool(
    tool: config.Tool,
    session: aiohttp.ClientSession,
    secrets: SecretFiles,
    sockets: Path,
    log: Log,
    extra_ca: str | None = None,
) -> McpTool:
    """The Tool of type MCP or Stdio that is configured. `sockets` is the folder of the sidecars' sockets."""
    name = f"{tool.namespace}/{tool.name}"

    def connect(heard: Heard) -> Link:
        """Raises `McpFault`."""
        if tool.stdio is not None:
            return SocketLink(sockets / tool.stdio.socket, name, heard, log)
        assert tool.mcp is not None
        trust = TrustStore(tool, secrets, extra_ca)
        server = HttpServer(tool.mcp.url, Endpoint(session, trust, Credentials(secrets, tool.auth)))
        if tool.mcp.transport == "SSE":
            return SseLink(server, name, heard, log)
        return StreamableLink(server, heard)

    return McpTool(name, connect, tool.allowed_functions, log)
