"""A client that takes nothing does not keep its connection, whatever it asked for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import pytest
from aiohttp import web

from gagarin.serving import connections
from tests.unit.server.waiting import until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[web.AppRunner, int]]:
    """A service with one route, and its port."""
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(
        app, logger=connections.quiet_logger(), handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    listening = connections.listening("127.0.0.1", 0)
    await web.SockSite(runner, listening).start()
    try:
        yield runner, listening.getsockname()[1]
    finally:
        await runner.cleanup()


async def whole(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"x" * 20_000_000)


async def streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 10_000)


async def closed_socket(request: web.Request) -> web.StreamResponse:
    made = web.WebSocketResponse(heartbeat=60.0)
    await made.prepare(request)
    sending = asyncio.create_task(made.send_bytes(b"x" * 20_000_000))
    await asyncio.sleep(0)
    await made.close()
    await sending
    return made


@pytest.mark.parametrize("handler", [whole, streamed, closed_socket])
async def test_a_client_that_reads_nothing_is_let_go(
    handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    head = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with serving(handler) as (runner, port):
        server = runner.server
        assert server is not None
        with closing(socket.socket()) as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", port))
            reader.sendall(head)

            async def came() -> bool:
                return server.requests_count > 0

            async def let_go() -> bool:
                return not server.connections

            await until(came)
            await until(let_go)
