"""How an answer goes out: when it goes as it should, and when a reply asks for delays and faults.

A fault without `after` happens before the first header; with `after: N` it happens after N tokens. Waiting
ends when the client goes away, as aiohttp then cancels the handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

from aiohttp import web

from gagarin.stub.chunks import DONE, MALFORMED, Stream, event
from gagarin.stub.errors import ApiError, HungUpError
from gagarin.stub.rules import Reply

_YIELD_EVERY = 64
_JSON = "application/json"
_SSE = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
_ERROR_KINDS = {401: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
_ERROR_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def failure(reply: Reply) -> ApiError:
    """The error a reply asks for with `status`."""
    status = reply.status or 500
    kind = _ERROR_KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    message = reply.message or f"The stub model server was told to answer {status}."
    return ApiError(status, message, kind=kind, code=_ERROR_CODES.get(status), retry_after=reply.retry_after)


async def begin(request: web.Request, reply: Reply) -> None:
    """What happens before the headers: the delay, then an early fault if the reply has one."""
    if reply.headers_delay:
        await asyncio.sleep(reply.headers_delay)
    if reply.breaks_early:
        await _break(request, reply)


async def _break(request: web.Request, reply: Reply) -> NoReturn:
    if reply.fault == "disconnect":
        assert request.transport is not None
        request.transport.close()
        raise HungUpError
    if reply.fault == "hang":
        await asyncio.get_running_loop().create_future()
    raise failure(reply)


async def send_body(request: web.Request, reply: Reply, body: bytes, tokens: int = 0) -> web.StreamResponse:
    """Send one JSON body, after the time that `tokens` tokens would take."""
    await begin(request, reply)
    thinking = reply.first_token_delay + reply.between_tokens * max(tokens - 1, 0)
    if thinking:
        await asyncio.sleep(thinking)
    if reply.raw is not None:
        body = reply.raw.encode()
    if reply.fault is not None or reply.status is not None:
        return await _send_broken_body(request, reply, body)
    return web.Response(body=body, content_type=_JSON)


async def _send_broken_body(request: web.Request, reply: Reply, body: bytes) -> web.StreamResponse:
    half = body[: len(body) // 2]
    if reply.fault in ("malformed", "truncate"):
        return web.Response(body=half, content_type=_JSON)
    if reply.status is not None:
        raise failure(reply)
    response = web.StreamResponse(headers={"Content-Type": _JSON, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(half)
    return await _break(request, reply)


class _Writer:
    """Writes events, split into pieces when the reply asks for it."""

    def __init__(self, response: web.StreamResponse, split_bytes: int | None) -> None:
        self._response = response
        self._split_bytes = split_bytes

    async def write(self, data: bytes) -> None:
        if self._split_bytes is None:
            return await self._response.write(data)
        for start in range(0, len(data), self._split_bytes):
            await self._response.write(data[start : start + self._split_bytes])
            await asyncio.sleep(0)
        return None


async def send_stream(request: web.Request, reply: Reply, stream: Stream) -> web.StreamResponse:
    """Send the events of an answer at the reply's pace."""
    await begin(request, reply)
    response = web.StreamResponse(headers=_SSE)
    await response.prepare(request)
    if reply.first_token_delay:
        await asyncio.sleep(reply.first_token_delay)
    writer = _Writer(response, reply.split_bytes)
    if reply.raw is not None:
        await writer.write(reply.raw.encode())
        return response
    await writer.write(stream.opening)
    broken = reply.fault is not None or reply.status is not None
    async for batch in pace(stream.deltas[: reply.after or 0] if broken else stream.deltas, reply):
        await writer.write(stream.join(batch))
    await (_end_broken(request, reply, writer) if broken else writer.write(stream.closing))
    return response


async def pace(deltas: Sequence[bytes], reply: Reply) -> AsyncIterator[Sequence[bytes]]:
    """Batches of `coalesce` tokens, each sent when its last token is due."""
    clock = asyncio.get_running_loop().time
    start = clock()
    for number, first in enumerate(range(0, len(deltas), reply.coalesce)):
        batch = deltas[first : first + reply.coalesce]
        if reply.between_tokens:
            await asyncio.sleep(max(0.0, start + (first + len(batch) - 1) * reply.between_tokens - clock()))
        elif number % _YIELD_EVERY == _YIELD_EVERY - 1:
            await asyncio.sleep(0)  # a write to a fast reader never waits, and would keep all others waiting
        yield batch


async def _end_broken(request: web.Request, reply: Reply, writer: _Writer) -> None:
    if reply.fault == "malformed":
        await writer.write(MALFORMED + DONE)
    elif reply.status is not None:
        await writer.write(event(failure(reply).value()))
    elif reply.fault != "truncate":
        await _break(request, reply)
