"""An answer while it is made. A connection that breaks is taken up again where it broke.

Every event has an id; a request with `Last-Event-ID` gets what follows it, from the pod that makes the
answer. Before the first event there is nothing to go on from, so the question is asked again, with the same
`Idempotency-Key`. The server says something at least every 15 seconds, if only a comment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self

import aiohttp

from gagarin.client.answers import Done, Event, Token
from gagarin.client.errors import GagarinError, Interrupted, InvalidRequest, NotFound, TimedOut
from gagarin.client.events import EventReader, Raw, typed
from gagarin.client.transport import Request, Transport, broken

CONVERSATION = "Gagarin-Conversation"
SILENCE_SECONDS = 45.0


class Stream:
    """The events of an answer: an async iterator, and a context manager that ends the answer when it is left.

    `conversation` is known with the first event.
    """

    def __init__(self, transport: Transport, question: Request) -> None:
        self.conversation: str | None = None
        self._transport = transport
        self._question = question
        self._reader = EventReader()
        self._events = self._all()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    async def text(self) -> AsyncIterator[str]:
        """The pieces of the text alone."""
        async for event in self:
            if isinstance(event, Token):
                yield event.text

    async def close(self) -> None:
        """Read no more. The Instance stops the model a few seconds later, unless the answer is whole."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _all(self) -> AsyncGenerator[Event]:
        """Connection after connection, until the answer is whole or one of them brought nothing new."""
        request, fruitless = self._question, 0
        while True:
            response = await self._next(request)
            try:
                async for raw in self._raw(response):
                    fruitless = 0
                    if (event := typed(raw)) is not None:
                        yield event
                    if isinstance(event, Done):
                        return
                problem: GagarinError = Interrupted("the stream ended before the answer was whole")
            except TimedOut as error:
                problem = error
            except (aiohttp.ClientError, OSError) as error:
                problem = broken(request, error)
            finally:
                response.close()
            fruitless += 1
            if fruitless == self._transport.attempts:
                raise problem
            request = self._rest()

    async def _next(self, request: Request) -> aiohttp.ClientResponse:
        try:
            response = await self._transport.begun(request)
        except (NotFound, InvalidRequest) as error:
            if request is self._question:
                raise
            raise Interrupted(f"the answer broke off and cannot be resumed: {error}") from error
        self.conversation = response.headers.get(CONVERSATION, self.conversation)
        return response

    async def _raw(self, response: aiohttp.ClientResponse) -> AsyncIterator[Raw]:
        self._reader.restart()
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    chunk = await response.content.readany()
            except TimeoutError as error:
                raise TimedOut(f"the stream was silent for {SILENCE_SECONDS:g} s") from error
            if not chunk:
                return
            for raw in self._reader.feed(chunk):
                yield raw

    def _rest(self) -> Request:
        """What asks for the events that are still missing."""
        last = self._reader.last_id
        if not last:
            return self._question
        kept = {name: value for name, value in self._question.headers.items() if name != "Idempotency-Key"}
        return Request("GET", "/stream", headers=kept | {"Last-Event-ID": last})
