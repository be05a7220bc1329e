"""The tools of a configuration, each of its type."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from gagarin.core import config
from gagarin.core.config import Config, ToolAuth
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import TrustStore
from gagarin.server.tools.agent import AgentTool
from gagarin.server.tools.endpoint import Credentials, Endpoint
from gagarin.server.tools.http import HttpTool
from gagarin.server.tools.openapi import OpenApiTool
from gagarin.server.tools.tool import Tool
from gagarin.serving.logs import Log


class Workshop:
    """What tools are made with: connections, the folders of Secrets, of tokens for other Instances and of
    sockets."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        secrets: Path,
        tokens: Path,
        sockets: Path,
        log: Log,
    ) -> None:
        self._session = session
        self._secrets = SecretFiles(secrets)
        self._tokens = SecretFiles(tokens)
        self._sockets = sockets
        self._log = log

    def tools(self, settings: Config) -> list[Tool]:
        """One for each configured Tool."""
        return [self._tool(one, settings.extra_ca) for one in settings.tools]

    def _tool(self, tool: config.Tool, extra_ca: str | None) -> Tool:
        name = f"{tool.namespace}/{tool.name}"
        trust = TrustStore(tool, self._secrets, extra_ca)
        allowed = tool.allowed_functions
        if tool.http is not None:
            credentials = Credentials(self._secrets, tool.auth, tool.http.headers)
            return HttpTool(name, tool.http, Endpoint(self._session, trust, credentials), allowed)
        if tool.open_api is not None:
            endpoint = Endpoint(self._session, trust, Credentials(self._secrets, tool.auth))
            return OpenApiTool(name, tool.open_api, endpoint, allowed, self._log)
        if tool.agent is not None:
            token = ToolAuth(type="Bearer", value_file=tool.agent.token_file)
            endpoint = Endpoint(self._session, trust, Credentials(self._tokens, token))
            return AgentTool(name, tool.agent, endpoint, tool.description, allowed)
        # Only who uses it pays for it: this server is to start fast and stay small.
        from gagarin.server.tools.mcp import mcp_tool

        return mcp_tool(tool, self._session, self._secrets, self._sockets, self._log, extra_ca)
