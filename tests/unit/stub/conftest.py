"""A running stub model server, and the official client of the protocol to call it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openai import AsyncOpenAI

from gagarin.stub.app import make_app
from gagarin.stub.keys import Keys
from gagarin.stub.rules import Script


class Running(NamedTuple):
    """A server and two ways to call it: plain HTTP (`http`) and the official client (`openai`)."""

    http: aiohttp.ClientSession
    openai: AsyncOpenAI
    server: TestServer


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(script, keys)` gives a running server."""
    running: list[Running] = []

    async def start_one(script: Script | None = None, keys: Keys | None = None) -> Running:
        app: web.Application = make_app(script or Script(), keys or Keys())
        server = TestServer(app)
        await server.start_server()
        client = AsyncOpenAI(base_url=str(server.make_url("/v1")), api_key="key-1", max_retries=0)
        running.append(Running(aiohttp.ClientSession(server.make_url("/")), client, server))
        return running[-1]

    yield start_one
    for one in running:
        await one.openai.close()
        await one.http.close()
        await one.server.close()


@pytest.fixture
async def stub(start: Start) -> Running:
    """A server without a script, that takes any key."""
    return await start()
