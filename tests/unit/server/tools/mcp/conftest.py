"""What every test here needs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gagarin.server import egress
from tests.unit.server.tools.mcp.scripted import ScriptedServer


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The guarded session that tools connect with."""
    async with egress.session() as guarded:
        yield guarded


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server with a handshake."""
    scripted = ScriptedServer()
    await scripted.start()
    yield scripted
    await scripted.stop()
