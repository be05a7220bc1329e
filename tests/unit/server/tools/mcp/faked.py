"""A link of a test: what is asked goes to a handler, without any I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from gagarin.server.tools.mcp.faults import McpFault
from gagarin.server.tools.mcp.link import Loss, Outgoing

Handler = Callable[[Outgoing], Awaitable[Any]]


class FakeLink:
    """`handler` gives the result of a request as a value, or raises."""

    def __init__(self, handler: Handler, *, probe: bool = True) -> None:
        self.probe = probe
        self.handler = handler
        self.asked: list[Outgoing] = []
        self.told: list[str] = []
        self.versions: list[str | None] = []
        self.farewells: list[bool] = []
        self.listening = asyncio.Event()
        self.deaf: list[McpFault] = []  # raised by listen, one after the other
        self.broken: McpFault | None = None  # raised by open
        self._loss = Loss()

    async def open(self) -> None:
        if self.broken is not None:
            raise self.broken

    def agree(self, version: str | None) -> None:
        self.versions.append(version)

    async def request(self, outgoing: Outgoing) -> msgspec.Raw:
        self.asked.append(outgoing)
        return msgspec.Raw(msgspec.json.encode(await self.handler(outgoing)))

    async def notify(self, method: str) -> None:
        self.told.append(method)

    async def listen(self) -> None:
        if self.deaf:
            raise self.deaf.pop(0)
        self.listening.set()

    def lose(self, fault: McpFault) -> None:
        self._loss.happen(fault)

    async def lost(self) -> None:
        await self._loss.wait()

    async def close(self, *, farewell: bool) -> None:
        self.farewells.append(farewell)

    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [outgoing.method for outgoing in self.asked]
