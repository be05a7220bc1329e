"""An MCP server of a test, written from the specification: it says what it is told to, also nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp import web

from gagarin.core.config import Tool
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import TrustStore
from gagarin.server.tools.endpoint import Credentials, Endpoint
from gagarin.server.tools.mcp.server import HttpServer
from tests.unit.server.listening import Listening

Json = dict[str, Any]
Behaviour = Callable[[web.Request, Json], Awaitable[web.StreamResponse]]
ECHO = {"name": "echo", "inputSchema": {"type": "object"}}


class Got(NamedTuple):
    """A request that came; `message` is empty where there was no body."""

    http: str
    headers: dict[str, str]
    message: Json

    @property
    def method(self) -> str:
        """The method of JSON-RPC, or of HTTP where there was no body."""
        return str(self.message.get("method", self.http if not self.message else "answer"))


class ScriptedServer(Listening):
    """`on`: what is done about a method (of JSON-RPC; GET and DELETE of HTTP) in place of the usual, one
    after the other; the last one stays. `stateless`: it is of the newer era. `session`: the id that it
    gives."""

    def __init__(self, *, stateless: bool = False, session: str | None = None, tells: bool = False) -> None:
        super().__init__()
        self.stateless = stateless
        self.session = session
        self.tells = tells
        self.version = "2025-11-25"
        self.on: dict[str, list[Behaviour]] = {}
        self.got: list[Got] = []
        self.tools: list[Json] = [ECHO]

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [got.method for got in self.got]

    def last(self, method: str) -> Got:
        """The last request of a method."""
        return [got for got in self.got if got.method == method][-1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        message = msgspec.json.decode(body) if body else {}
        got = Got(request.method, dict(request.headers), message)
        self.got.append(got)
        if waiting := self.on.get(got.method):
            return await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request, message)
        return self._usual(request, got)

    def _usual(self, request: web.Request, got: Got) -> web.StreamResponse:
        if got.http != "POST":
            return web.Response(status=405)
        if "id" not in got.message or got.method == "answer":
            return web.Response(status=202)
        result = self._result(got)
        if result is None:
            return web.Response(status=400, text="what?")
        headers = {"Mcp-Session-Id": self.session} if got.method == "initialize" and self.session else {}
        return web.json_response(
            {"jsonrpc": "2.0", "id": got.message["id"], "result": result}, headers=headers
        )

    def _result(self, got: Got) -> Json | None:
        capabilities: Json = {"tools": {"listChanged": self.tells}}
        if got.method == "server/discover" and self.stateless:
            return {"supportedVersions": ["2026-07-28"], "capabilities": capabilities}
        if got.method == "initialize" and not self.stateless:
            return {"protocolVersion": self.version, "capabilities": capabilities}
        if got.method == "tools/list":
            return {"tools": self.tools}
        if got.method == "tools/call":
            return {
                "content": [{"type": "text", "text": msgspec.json.encode(got.message["params"]).decode()}]
            }
        return None


def reach(server: ScriptedServer, session: aiohttp.ClientSession, folder: Any = ".") -> HttpServer:
    """The way there."""
    secrets = SecretFiles(folder)
    tool = Tool(name="tool", namespace="team-a", type="MCP")
    return HttpServer(f"{server.url}/mcp", Endpoint(session, TrustStore(tool, secrets), Credentials(secrets)))


def answering(result: Any) -> Behaviour:
    """A result."""

    async def behave(_: web.Request, message: Json) -> web.StreamResponse:
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})

    return behave


def refusing(code: int, message: str, *, status: int = 200, data: Any = None) -> Behaviour:
    """A JSON-RPC error."""

    async def behave(_: web.Request, request: Json) -> web.StreamResponse:
        error = {"code": code, "message": message, "data": data}
        return web.json_response({"jsonrpc": "2.0", "id": request["id"], "error": error}, status=status)

    return behave


def saying(body: bytes, *, status: int = 200, kind: str = "application/json") -> Behaviour:
    """Any bytes."""

    async def behave(_: web.Request, __: Json) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=kind)

    return behave


def streaming(*parts: bytes | Json, cut: bool = False) -> Behaviour:
    """An event stream: bytes as they are, objects as messages, of which `"id": ...` is the request's. Then it
    breaks off if it is `cut`."""

    async def behave(request: web.Request, message: Json) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part if isinstance(part, bytes) else event(part, message))
            await asyncio.sleep(0)
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    return behave


def event(message: Json, request: Json) -> bytes:
    """A message as an event; the id `...` becomes that of the request."""
    if message.get("id") is ...:
        message = {**message, "id": request.get("id")}
    return b"event: message\ndata: " + msgspec.json.encode({"jsonrpc": "2.0", **message}) + b"\n\n"


def hanging(until: asyncio.Event, gone: asyncio.Event | None = None) -> Behaviour:
    """No answer; `gone` is set when nobody waits any more."""

    async def behave(_: web.Request, message: Json) -> web.StreamResponse:
        try:
            await until.wait()
        except asyncio.CancelledError:
            if gone is not None:
                gone.set()
            raise
        return web.json_response({"jsonrpc": "2.0", "id": message.get("id"), "result": {}})

    return behave


def hanging_up() -> Behaviour:
    """The connection is closed without an answer."""

    async def behave(request: web.Request, _: Json) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return behave
