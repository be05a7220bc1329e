"""A server that stands for an Instance: every request takes the next of `behaviours`, and is remembered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from aiohttp import web

from tests.unit.server.listening import Listening

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Instance(Listening):
    """`requests` are (method, path with query, headers, body) in the order they came."""

    def __init__(self, *behaviours: Behaviour) -> None:
        super().__init__()
        self.behaviours = list(behaviours)
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    def headers(self, name: str) -> list[str | None]:
        """What each request said there."""
        return [headers.get(name) for _, _, headers, _ in self.requests]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.read()
        body = msgspec.json.decode(text) if text else None
        self.requests.append((request.method, request.path_qs, dict(request.headers), body))
        return await self.behaviours.pop(0)(request)


@contextmanager
def threaded(server: Listening) -> Iterator[None]:
    """It is served by another thread, for tests that wait without `await`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def saying(document: object, status: int = 200, **headers: str) -> Behaviour:
    """A JSON document."""

    async def behave(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=msgspec.json.encode(document), headers=named)

    return behave


def refusing(status: int, slug: str = "some", **headers: str) -> Behaviour:
    """A problem document."""
    problem = {
        "type": f"https://gagarin.fyodorov.ai/problems/{slug}",
        "title": "No",
        "status": status,
        "detail": "because",
        "errors": [{"pointer": "#/input", "detail": "it is empty"}],
    }
    return saying(problem, status, **headers)


def writing(
    *parts: bytes, cut: bool = False, after: asyncio.Event | None = None, **headers: str
) -> Behaviour:
    """An event stream in these writes; `cut` breaks the connection after them, once `after` has happened:
    what a client has received and not yet read is lost to it then."""

    async def behave(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"} | named)
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if after is not None:
            await after.wait()
        if cut:
            hang_up(request)
        return response

    return behave


def hanging_up() -> Behaviour:
    """The connection ends without an answer."""

    async def behave(request: web.Request) -> web.StreamResponse:
        hang_up(request)
        return web.Response()

    return behave


def hang_up(request: web.Request) -> None:
    """Close the connection properly, so that what was written arrives, and nothing after it."""
    if request.transport is not None:
        request.transport.close()


def event(number: int, name: str, data: object) -> bytes:
    """An event as an Instance writes it, of stream `s`."""
    return b"event: %b\ndata: %b\nid: s.%d\n\n" % (name.encode(), msgspec.json.encode(data), number)
