"""How an answer is written: as a JSON document, as Server-Sent Events, or as plain text.

Headers of a streamed answer go out with its first piece, so that what fails before it is an ordinary problem
document. After that an event `error` says what happened; plain text has no such thing, so its connection is
cut instead of ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from gagarin.server import sse
from gagarin.server.answers import Answered, SourceUse, ToolUse
from gagarin.server.observe import TRACE
from gagarin.server.turns import ToolEvent
from gagarin.server.wire import Usage
from gagarin.serving.errors import Problem
from gagarin.serving.problems import problem_document
from gagarin.serving.requests import hang_up

CONVERSATION_HEADER = "Gagarin-Conversation"
# What may wait in this process for one slow reader, beside the kernel's buffer; then the model waits too.
WRITE_BUFFER = 16 * 1024
AT_ONCE = WRITE_BUFFER // 4  # with less than this in the buffer nobody has to wait
_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What /chat answers. `usage` (null if the provider tells none) and `cost` (a decimal) are sums over all
    calls of models; `finish` says why the answer ends if it is not complete: `length`, `content_filter`,
    `refusal`."""

    answer: str
    conversation: str | None
    usage: Usage | None
    tools: Sequence[ToolUse] = ()
    sources: Sequence[SourceUse] = ()
    finish: str = "stop"
    cost: str | None = None


class End(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of the event `done`: what there is to know of an answer beside its text and usage."""

    conversation: str | None
    tools: Sequence[ToolUse] = ()
    sources: Sequence[SourceUse] = ()
    finish: str = "stop"
    cost: str | None = None


def whole(answered: Answered, conversation: str | None) -> Answer:
    """The answer as one document."""
    return Answer(
        answered.text,
        conversation,
        answered.usage,
        answered.tools,
        answered.sources,
        answered.finish,
        answered.cost,
    )


def end_of(answered: Answered, conversation: str | None) -> End:
    """What is said last."""
    return End(conversation, answered.tools, answered.sources, answered.finish, answered.cost)


def document(answer: object, headers: Mapping[str, str]) -> web.Response:
    """JSON, for this caller only."""
    named = {**headers, "Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=_encode(answer), headers=named)


def streaming(content_type: str, headers: Mapping[str, str]) -> web.StreamResponse:
    """The response of a streamed answer; proxies are asked not to hold it back."""
    named = {
        **headers,
        "Content-Type": content_type,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return web.StreamResponse(headers=named)


def goes_at_once(request: web.Request, size: int) -> bool:
    """Whether so many bytes can be written without waiting for the reader.

    What may have to wait has to be shielded: aiohttp keeps a wait that was cancelled, and whoever waits next
    for the same reader would be cancelled by it, such as the word that the answer's time is over.
    """
    transport = request.transport
    return transport is None or transport.get_write_buffer_size() + size < AT_ONCE


def keep_small(request: web.Request) -> None:
    """Bound what waits for a slow reader."""
    if request.transport is not None:
        request.transport.set_write_buffer_limits(WRITE_BUFFER, AT_ONCE)


async def send(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Write a piece of an answer, and wait while its reader is slow. Raises `ConnectionError`."""
    if goes_at_once(request, len(data)):
        await response.write(data)
    else:
        await asyncio.shield(_written(request, response, data))


async def _written(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    await response.write(data)
    await request.writer.drain()


class EventWriter:
    """Writes an answer as events with ids: `token` {text}, `tool`, then `usage` and `done`, or `error`.

    It makes the bytes and numbers them; where they go is up to `_send`.
    """

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self.last = 0  # the number of the newest event

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one event: what came in one read goes out as one. An event for each piece would cost
        three times the CPU when a model is fast, and would tell the reader nothing more."""
        self.last += 1
        await self._send(sse.token("".join(texts), self._mark, self.last))

    async def tool(self, event: ToolEvent) -> None:
        """A call begins, or ended."""
        await self._send(self._event("tool", event))

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """The last events."""
        used = b"" if answered.usage is None else self._event("usage", answered.usage)
        await self._send(used + self._event("done", end_of(answered, conversation)))

    async def fail(self, problem: Problem) -> None:
        """The answer broke off."""
        await self._send(self._event("error", problem_document(problem)))

    def _event(self, name: str, data: object) -> bytes:
        self.last += 1
        return sse.event(name, data, self._mark, self.last)

    async def _send(self, data: bytes) -> None:
        raise NotImplementedError


class TextStream:
    """The pieces as they are. `begun`: the headers are out."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self._request = request
        self.begun = False
        self.response = streaming("text/plain; charset=utf-8", headers)

    async def begin(self, conversation: str | None) -> None:
        """Send the headers."""
        if conversation is not None:
            self.response.headers[CONVERSATION_HEADER] = conversation
        self.begun = True
        keep_small(self._request)
        await self.response.prepare(self._request)

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one write."""
        await send(self._request, self.response, "".join(texts).encode())

    async def tool(self, event: ToolEvent) -> None:
        """Text has no place for it."""

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """Nothing follows the text."""
        self._request[TRACE].answered(answered, conversation)

    async def fail(self, problem: Problem) -> None:
        """Cut the connection, so that a broken answer does not look like a whole one."""
        self.cut()

    def cut(self) -> None:
        """End the connection at once."""
        hang_up(self._request)


def wants_text(request: web.Request) -> bool:
    """Whether the request accepts plain text and no events."""
    accepted = request.headers.get("Accept", "")
    return "text/plain" in accepted and "text/event-stream" not in accepted
