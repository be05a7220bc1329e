"""A streamed reply of a model, read piece by piece.

The pieces of one read come together, so that what arrived in one packet leaves in one write. Nothing reads
ahead: while the caller's connection is full, the provider's is not read either.
"""

from __future__ import annotations

import asyncio

import aiohttp

from gagarin.core.config import Timeouts
from gagarin.server import wire
from gagarin.server.sse import EventTooLong, Parser
from gagarin.server.upstream import Upstream
from gagarin.server.wire import Nonsense, Usage

_END_SECONDS = 0.25  # the connection is kept for the next call if the body ends this soon after its [DONE]


class ReplyStream:
    """An async iterator of lists of texts. `usage` is known at the end, if the provider tells it.

    `ends` is the event loop's time at which the whole call has to be over.
    """

    def __init__(
        self, upstream: Upstream, response: aiohttp.ClientResponse, timeouts: Timeouts, ends: float
    ) -> None:
        self._upstream = upstream
        self._response = response
        self._timeouts = timeouts
        self._ends = ends
        self._parser = Parser()
        self._ready: list[str] = []
        self._finished = False  # the model said that its answer is complete
        self._over = False  # nothing more is to be read
        self.usage: Usage | None = None

    async def begin(self) -> None:
        """Read up to the first piece, or to the end. Raises `ProviderError`."""
        if self._response.content_type != "text/event-stream":
            raise self._upstream.error("nonsense", "answered with something else than an event stream")
        while not self._ready and not self._over:
            self._ready = await self._read()

    def __aiter__(self) -> ReplyStream:
        """This is the iterator."""
        return self

    async def __anext__(self) -> list[str]:
        """The next pieces. Raises `ProviderError`."""
        texts, self._ready = self._ready, []
        while not texts:
            if self._over:
                raise StopAsyncIteration
            texts = await self._read_in_time()
        return texts

    async def close(self) -> None:
        """Keep the connection if the reply has ended, end the call if it has not."""
        if self._over and not self._response.content.at_eof():
            try:
                async with asyncio.timeout(_END_SECONDS):
                    await self._response.content.readany()
            except (TimeoutError, aiohttp.ClientError, OSError):
                self._response.close()
        self._response.release()

    async def _read_in_time(self) -> list[str]:
        left = self._ends - asyncio.get_running_loop().time()
        gap = self._timeouts.between_tokens
        try:
            async with asyncio.timeout(min(gap, left)):
                return await self._read()
        except TimeoutError as error:
            raise self._upstream.too_slow("total" if left <= gap else "between_tokens") from error

    async def _read(self) -> list[str]:
        try:
            data = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise self._upstream.translate(error) from error
        try:
            events = self._parser.feed(data) if data else self._parser.finish()
            texts = self._texts(events)
        except (Nonsense, EventTooLong) as error:
            raise self._upstream.nonsense(error) from error
        if not data and not self._over:
            self._end()
        return texts

    def _texts(self, events: list[bytes]) -> list[str]:
        texts = []
        for event in events:
            if event == wire.DONE:
                self._over = True
                break
            chunk = wire.chunk(event)
            if chunk.error is not None:
                raise self._upstream.error("interrupted", "reported an error in the middle of its answer")
            if chunk.usage is not None:
                self.usage = wire.usage_of(chunk.usage)
            if chunk.choices:
                self._finished = self._finished or chunk.finished
                if text := chunk.text:
                    texts.append(text)
        return texts

    def _end(self) -> None:
        """The body ended without [DONE]: right only if the model had finished."""
        if not self._finished:
            raise self._upstream.error("interrupted", "broke off its answer", retryable=True)
        self._over = True
