"""Servers of the official SDK as processes, and Tools that are connected to them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

from gagarin.core.config import McpServer
from gagarin.server.tools.tool import Tool, ToolResult
from tests.unit.bridge.running import ROOT
from tests.unit.server.turning import context
from tests.unit.server.waiting import until


class SdkServer:
    """One over HTTP, on the same port each time it is started."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: Popen[bytes] | None = None
        self.port = 0

    @property
    def tool(self) -> McpServer:
        """What a Tool says to reach it."""
        if "sse" in self._options:
            return McpServer(url=f"http://127.0.0.1:{self.port}/sse", transport="SSE")
        return McpServer(url=f"http://127.0.0.1:{self.port}/mcp")

    def start(self) -> None:
        """Run, and wait until it listens."""
        command = [sys.executable, "-m", "tests.integration.mcp.sdkserver", *self._options]
        self._process = Popen([*command, "--port", str(self.port)], cwd=ROOT, stdout=PIPE, stderr=DEVNULL)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        """Kill it, unless it is dead already."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None


async def called(tool: Tool, function: str, **arguments: Any) -> ToolResult:
    """One call, within reasonable time."""
    async with asyncio.timeout(30.0):
        return await tool.call(function, arguments, context(trace={"traceparent": "00-abc"}))


async def offered(tool: Tool) -> list[str]:
    """The names of what it offers now."""
    return [function.name for function in await tool.functions()]


def offers(tool: Tool, name: str) -> Callable[[], Awaitable[bool]]:
    """Whether it offers this function."""

    async def it_does() -> bool:
        return name in await offered(tool)

    return it_does


async def ready(tool: Tool) -> None:
    """Start it and wait until it is connected."""
    await tool.start()
    await until(offers(tool, "add"), 30.0)
