"""A server made with the official SDK, as a process of its own: python -m tests.integration.mcp.sdkserver.

The SDK serves both eras. `--era handshake` takes the header away by which it knows the newer one, so that it
acts as the servers do that were written before. Over HTTP it prints its port once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import signal
import socket
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from mcp.server.lowlevel.server import NotificationOptions
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import AudioContent, CallToolResult, ImageContent, ResourceLink, TextContent, ToolAnnotations
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

server = MCPServer("sdk")
TELL = NotificationOptions(tools_changed=True)
VERSION_HEADER = b"mcp-protocol-version"


class Weather(BaseModel):
    """What is known of a place."""

    degrees: int
    wind: str


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def weather(place: str) -> Weather:
    """The weather at a place."""
    return Weather(degrees=len(place), wind="north")


@server.tool()
def picture() -> CallToolResult:
    """A picture, a sound, a link and a word."""
    data = base64.b64encode(b"\x89PNG" + bytes(11_996)).decode()
    return CallToolResult(
        content=[
            TextContent(type="text", text="here:"),
            ImageContent(type="image", data=data, mime_type="image/png"),
            AudioContent(type="audio", data="AAAA", mime_type="audio/wav"),
            ResourceLink(type="resource_link", uri="file:///plan", name="plan"),
        ]
    )


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def whoami(ctx: Context[Any, Any]) -> str:
    """What the caller sent to say who it is."""
    headers = ctx.request_context.request.headers if ctx.request_context.request else {}
    return f"{headers.get('authorization', 'nobody')} {headers.get('traceparent', 'no trace')}"


@server.tool()
def region(
    name: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})], ctx: Context[Any, Any]
) -> str:
    """What came in the header that repeats the argument."""
    headers = ctx.request_context.request.headers if ctx.request_context.request else {}
    return str(headers.get("mcp-param-region", "no header"))


@server.tool()
async def wait(seconds: float, ctx: Context[Any, Any], marks: str = "") -> str:
    """Take some time, report progress; whether it has begun and was cancelled is left in the file `marks`."""
    if marks:
        Path(marks).write_text("begun")
    try:
        await ctx.report_progress(0, 1, "waiting")
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if marks:
            Path(marks).write_text("cancelled")
        raise
    return "done"


@server.tool()
def huge(megabytes: int) -> str:
    """A very long answer."""
    return "x" * (megabytes * 1_000_000)


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@server.tool()
def die() -> str:
    """End the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@server.tool()
async def grow(name: str, ctx: Context[Any, Any]) -> str:
    """Offer one more function, and tell."""
    server.add_tool(lambda: f"I am {name}", name=name, description="new")
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "grown"


@server.tool()
async def interrupted(ctx: Context[Any, Any]) -> str:
    """Have the connection closed before the answer, to be taken up again."""
    await ctx.close_sse_stream()
    await asyncio.sleep(0.2)
    return "after all"


class Kept(EventStore):
    """All events, in order."""

    def __init__(self) -> None:
        self._events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        at = int(last_event_id)
        stream = self._events[at - 1][0]
        for number, (where, message) in enumerate(self._events[at:], at + 1):
            if where == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


class HandshakeOnly:
    """An application that never learns of the stateless revision."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [pair for pair in scope["headers"] if pair != (VERSION_HEADER, b"2026-07-28")]
            scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)


class Guarded:
    """An application for those who have the password of the moment, which is in a file."""

    def __init__(self, app: ASGIApp, password: Path) -> None:
        self._app = app
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            wanted = f"Bearer {self._password.read_text().strip()}"
            if Request(scope).headers.get("authorization") != wanted:
                await PlainTextResponse("who are you?", 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def application(options: argparse.Namespace) -> ASGIApp:
    if options.transport == "sse":
        app: ASGIApp = server.sse_app()
    else:
        app = server.streamable_http_app(
            json_response=options.json,
            stateless_http=options.stateless,
            event_store=Kept() if options.resumable else None,
            retry_interval=100 if options.resumable else None,
        )
    if options.era == "handshake":
        app = HandshakeOnly(app)
    return Guarded(app, options.password) if options.password else app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--transport", choices=["streamable", "sse", "stdio"], default="streamable")
    parser.add_argument("--era", choices=["both", "handshake"], default="both")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stateless", action="store_true")
    parser.add_argument("--resumable", action="store_true")
    parser.add_argument("--password", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    low = server._lowlevel_server
    defaults = low.create_initialization_options
    low.create_initialization_options = lambda *_, **__: defaults(TELL)  # type: ignore[method-assign]  # MCPServer never says that it tells
    if options.transport == "stdio":
        server.run("stdio")
        return
    listening = socket.socket(
        socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # so: without Nagle's delay
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", options.port))
    listening.listen()
    print(listening.getsockname()[1], flush=True)  # noqa: T201  # the one who started it waits for this
    config = uvicorn.Config(application(options), log_level="warning", timeout_graceful_shutdown=0)
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main()
