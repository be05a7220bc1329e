"""A streamed reply of a model, read piece by piece.

The pieces of one read come together, so that what arrived in one packet leaves in one write. Nothing reads
ahead: while the caller's connection is full, the provider's is not read either. Text is given out as it
comes; tool calls are there at the end, because nothing can be done with half of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from gagarin.core.config import Timeouts
from gagarin.server import wire
from gagarin.server.sse import EventTooLong, Parser
from gagarin.server.toolcalls import Assembly, Call, TooManyCalls
from gagarin.server.upstream import Upstream
from gagarin.server.wire import Content, Nonsense, Usage

_END_SECONDS = 0.25  # the connection is kept for the next call if the body ends this soon after its [DONE]


class ReplyStream:
    """An async iterator of lists of texts. `usage` is known at the end, if the provider tells it; so are
    `calls` and `finish`.

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
        self._assembly = Assembly()
        self._reason: str | None = None  # why the model ended its reply; None: it has not said that it did
        self._answers = False  # some of the text is an answer
        self._refuses = False  # some of it says why there is none
        self._over = False  # nothing more is to be read
        self.usage: Usage | None = None
        self.on_close: Callable[[ReplyStream], None] | None = None

    @property
    def complete(self) -> bool:
        """Whether the reply was read to its end."""
        return self._over

    @property
    def calls(self) -> tuple[Call, ...]:
        """The tool calls."""
        return self._assembly.calls()

    @property
    def finish(self) -> str:
        """As in `wire.Reply`."""
        return wire.finish_of(self._reason, refused=self._refuses and not self._answers)

    async def begin(self) -> None:
        """Read up to the first piece of text or of a call, or to the end. Raises `ProviderError`."""
        if self._response.content_type != "text/event-stream":
            raise self._upstream.error("nonsense", "answered with something else than an event stream")
        while not (self._ready or self._over or self._assembly.begun):
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
        if self.on_close is not None:
            self.on_close(self)
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
        except (Nonsense, EventTooLong, TooManyCalls) as error:
            raise self._upstream.nonsense(error) from error
        if not data and not self._over:
            self._end()
        return texts

    def _texts(self, events: list[bytes]) -> list[str]:
        if wire.DONE in events:
            self._over = True
            events = events[: events.index(wire.DONE)]
        if not events:
            return []
        texts = []
        for chunk in wire.chunks(events):
            if chunk.error is not None:
                raise self._upstream.error("interrupted", "reported an error in the middle of its answer")
            if chunk.usage is not None:
                self.usage = wire.usage_of(chunk.usage)
            if chunk.choices:
                choice = chunk.choices[0]
                if choice.finish_reason is not None:
                    self._reason = choice.finish_reason
                if choice.delta is not None and (text := self._text(choice.delta)):
                    texts.append(text)
        return texts

    def _text(self, delta: Content) -> str:
        """The piece of text in it; calls are put aside."""
        content = delta.content
        if delta.tool_calls:
            self._assembly.add(delta.tool_calls)
        if content and type(content) is str:  # nearly always, and once for each token
            self._answers = True
            return content
        if text := delta.text:
            self._answers = self._answers or bool(content)
            self._refuses = self._refuses or not content
        return text

    def _end(self) -> None:
        """The body ended without [DONE]: right only if the model had finished."""
        if self._reason is None:
            raise self._upstream.error("interrupted", "broke off its answer", retryable=True)
        self._over = True
