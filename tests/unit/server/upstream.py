"""A model provider of a test: says what it is told to, byte by byte if need be, and remembers what it got."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from tests.unit.server.listening import Listening

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class Upstream(Listening):
    """Each request takes the next of `behaviours`; without one it is answered by `answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviours: list[Behaviour] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.peers: set[object] = set()  # the connections that requests came over
        self.asked = asyncio.Event()
        self.abandoned = asyncio.Event()
        self.proceed = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.peers.add(request.transport and request.transport.get_extra_info("peername"))
        self.asked.set()
        behaviour = self.behaviours.pop(0) if self.behaviours else answering("Good day.")
        try:
            return await behaviour(request)
        except (asyncio.CancelledError, ConnectionError):
            self.abandoned.set()
            raise


def sse(*events: object) -> bytes:
    """Events of a streamed reply; bytes as they are, anything else as JSON."""
    return b"".join(
        b"data: " + (event if isinstance(event, bytes) else msgspec.json.encode(event)) + b"\n\n"
        for event in events
    )


def piece(text: str) -> dict[str, Any]:
    """A chunk with a piece of the answer."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def called(name: str, arguments: Any, *, id: str = "", index: int = 0) -> dict[str, Any]:  # noqa: A002  # the wire's
    """A tool call, as it stands in a reply; whatever is no text is sent as JSON text."""
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": text}}


def calling(*calls: dict[str, Any], text: str = "", finish: str = "tool_calls") -> Behaviour:
    """A reply that calls tools, after some text; streamed, each call is an event of its own."""

    async def behave(request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            message = {"role": "assistant", "content": text or None, "tool_calls": calls}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            return web.json_response({"choices": [choice], "usage": USAGE})
        parts = [{"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]} for one in calls]
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
        return await writing(sse(*([piece(text)] if text else []), *parts, end, USED, DONE))(request)

    return behave


FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USED = {"choices": [], "usage": USAGE}
DONE = b"[DONE]"


def completion(text: str) -> dict[str, Any]:
    """A whole reply."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}


def answering(text: str) -> Behaviour:
    """The text as the request wants it: whole, or streamed word by word."""

    async def behave(request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            return web.json_response(completion(text))
        words = [piece(word) for word in text.split(" ")]
        words[1:] = [piece(" " + word) for word in text.split(" ")[1:]]
        return await writing(sse(*words, FINISH, USED, DONE))(request)

    return behave


def writing(*parts: bytes, hold: asyncio.Event | None = None, cut: bool = False) -> Behaviour:
    """An event stream in these writes; then it waits for `hold`, and breaks off if it is `cut`."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0)
        if hold is not None:
            await hold.wait()
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    return behave


def failing(status: int, body: object = None, **headers: str) -> Behaviour:
    """An error reply."""

    async def behave(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=msgspec.json.encode(body), headers=named)

    return behave


def replying(body: bytes, content_type: str = "application/json") -> Behaviour:
    """Any bytes with status 200."""

    async def behave(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type)

    return behave


def silent(event: asyncio.Event) -> Behaviour:
    """No answer until `event`."""

    async def behave(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await answering("late")(request)

    return behave


def hanging_up() -> Behaviour:
    """The connection is closed without an answer."""

    async def behave(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return behave
