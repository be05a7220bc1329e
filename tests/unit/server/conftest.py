"""A model provider and a tool's server over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gagarin.server import egress
from tests.unit.server.tools.server import ToolServer
from tests.unit.server.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """The provider of the test."""
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def server() -> AsyncIterator[ToolServer]:
    """The server that tools of the test call."""
    made = ToolServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Guarded connections, as tools have them."""
    async with egress.session() as made:
        yield made
