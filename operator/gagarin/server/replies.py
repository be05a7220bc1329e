"""How a streamed answer is written: as Server-Sent Events, or as plain text.

Headers go out with the first piece, so that what fails before it is an ordinary problem document. After that
an event `error` says what happened; plain text has no such thing, so its connection is cut instead of ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from gagarin.server import problems, sse
from gagarin.server.chat import Output
from gagarin.server.errors import Problem
from gagarin.server.wire import Usage

CONVERSATION_HEADER = "Gagarin-Conversation"


class Streamed(Output, Protocol):
    """An output that is an HTTP response. `begun`: its headers are out."""

    response: web.StreamResponse
    begun: bool

    async def fail(self, problem: Problem) -> None:
        """The answer broke off."""
        ...


class _Response:
    """What both kinds have in common. `headers` are the Instance's."""

    content_type: str

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self._request = request
        self.begun = False
        self.response = web.StreamResponse(
            headers={
                **headers,
                "Content-Type": self.content_type,
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )

    async def begin(self, conversation: str | None) -> None:
        """Send the headers."""
        if conversation is not None:
            self.response.headers[CONVERSATION_HEADER] = conversation
        self.begun = True
        await self.response.prepare(self._request)


class EventStream(_Response):
    """`token` {text}, then `usage` {prompt_tokens ...}, then `done` {conversation}; or `error` {a
    problem}."""

    content_type = "text/event-stream"

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one write."""
        await self.response.write(sse.tokens(texts))

    async def end(self, conversation: str | None, usage: Usage | None) -> None:
        """The last events."""
        used = sse.event("usage", usage) if usage is not None else b""
        await self.response.write(used + sse.event("done", {"conversation": conversation}))

    async def fail(self, problem: Problem) -> None:
        """The event `error`."""
        await self.response.write(sse.event("error", problems.document(problem)))


class TextStream(_Response):
    """The pieces as they are."""

    content_type = "text/plain; charset=utf-8"

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one write."""
        await self.response.write("".join(texts).encode())

    async def end(self, conversation: str | None, usage: Usage | None) -> None:
        """Nothing follows the text."""

    async def fail(self, problem: Problem) -> None:
        """Cut the connection, so that a broken answer does not look like a whole one."""
        if self._request.transport is not None:
            self._request.transport.abort()


def streamed(request: web.Request, headers: Mapping[str, str]) -> Streamed:
    """The kind that the request accepts: events, unless it asks for plain text only."""
    accepted = request.headers.get("Accept", "")
    plain = "text/plain" in accepted and "text/event-stream" not in accepted
    return TextStream(request, headers) if plain else EventStream(request, headers)
