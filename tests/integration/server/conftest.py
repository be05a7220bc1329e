"""An API server, a model provider and the chat server between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.issuer import Issuer
from tests.unit.server.upstream import Upstream

Start = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    """The API server of the test."""
    server = ApiServer(Issuer())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """The model provider of the test."""
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def start(api: ApiServer, upstream: Upstream, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a chat server with changes of the configuration; stops it after the test."""
    async with AsyncExitStack() as stack:

        async def begin(*options: str, **changed: Any) -> ServerProcess:
            server = ServerProcess(tmp_path, api, upstream, **changed)
            stack.push_async_callback(server.stop)
            await server.start(*options)
            return server

        yield begin


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def caller(api: ApiServer) -> dict[str, str]:
    """The headers of somebody who may."""
    return {"Authorization": f"Bearer {api.issuer.token('caller')}"}
