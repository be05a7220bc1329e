"""A chat server of a test: it records what it is asked, and answers as it is told to."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from tests.unit.server.listening import Listening


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: str
    query: dict[str, str]


class Pod(Listening):
    """`status` other than 200 is a problem document for every request. A stream sends `pieces`; then it
    waits for `go_on`, if `waiting`, or breaks off, if `breaking`. A socket says `much` first, in pieces of
    10 kB; then it sends back what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.status = 200
        self.pieces: list[str] = ["Hel", "lo"]
        self.waiting = False
        self.breaking = False
        self.much = 0
        self.go_on = asyncio.Event()
        self.gone = asyncio.Event()
        self.close_code: int | None = None
        self.closing = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/chat", self._chat)
        app.router.add_route("*", "/stream", self._stream)
        app.router.add_get("/ws", self._socket)
        app.router.add_route("*", "/conversations{rest:.*}", self._chat)
        return app

    async def _record(self, request: web.Request) -> web.Response | None:
        body = await request.text()
        headers = CIMultiDict(request.headers)
        self.asked.append(Asked(request.method, request.path, headers, body, dict(request.query)))
        if self.status == 200:
            return None
        document = {"type": "about:blank", "title": "No", "status": self.status, "detail": "the pod says no"}
        headers_ = {"Retry-After": "7", "Server-Secret": "x", "Location": "http://elsewhere"}
        return web.json_response(
            document, status=self.status, content_type="application/problem+json", headers=headers_
        )

    async def _chat(self, request: web.Request) -> web.Response:
        if refusal := await self._record(request):
            return refusal
        answer: dict[str, Any] = {"answer": "Hello", "conversation": "c1", "usage": None}
        return web.json_response(answer, headers={"Gagarin-Revision": "r1", "X-Internal": "y"})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if refusal := await self._record(request):
            return refusal
        response = web.StreamResponse(headers={"Content-Type": request.headers["Accept"]})
        try:
            await response.prepare(request)
            for piece in self.pieces:
                await response.write(piece.encode())
            if self.waiting:
                await self.go_on.wait()
        except asyncio.CancelledError:
            self.gone.set()
            raise
        if self.breaking:
            assert request.transport is not None
            request.transport.abort()
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if refusal := await self._record(request):
            return refusal
        socket = web.WebSocketResponse(protocols=("gagarin.v1",))
        await socket.prepare(request)
        await socket.send_str('{"type":"history"}')
        if self.closing:
            await socket.close(code=self.closing)
        for _ in range(self.much // 10_000):
            await socket.send_str("x" * 10_000)
        async for message in socket:
            await socket.send_str(f"you said {message.data}")
        self.close_code = socket.close_code
        self.gone.set()
        return socket
