"""An HTTP server of a test that tools call: says what it is told to, and remembers what it got."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from tests.unit.server.listening import Listening

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Got(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)


class ToolServer(Listening):
    """Each request takes the next of `behaviours`; without one it is answered by `{"ok": true}`."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviours: list[Behaviour] = []
        self.got: list[Got] = []
        self.abandoned = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.got.append(Got(request.method, request.path_qs, dict(request.headers), body))
        behaviour = self.behaviours.pop(0) if self.behaviours else saying({"ok": True})
        try:
            return await behaviour(request)
        except asyncio.CancelledError:
            self.abandoned.set()
            raise


def saying(
    value: object, status: int = 200, content_type: str = "application/json", **headers: str
) -> Behaviour:
    """Bytes and texts as they are, anything else as JSON."""

    async def behave(_: web.Request) -> web.StreamResponse:
        body = (
            value
            if isinstance(value, bytes)
            else value.encode()
            if isinstance(value, str)
            else msgspec.json.encode(value)
        )
        kind = {"Content-Type": content_type} if content_type else {}
        return web.Response(status=status, body=body, headers={**kind, **headers})

    return behave


async def hanging(_: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def endless(request: web.Request) -> web.StreamResponse:
    """Never ends its answer."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)
