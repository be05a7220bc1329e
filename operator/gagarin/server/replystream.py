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
from gagarin.server import textruns, wire
from gagarin.server.sse import EventTooLong, Parser
from gagarin.server.toolcalls import Assembly, Call, TooManyCalls
from gagarin.server.upstream import Upstream
from gagarin.server.wire import Content, Nonsense, Usage

_END_SECONDS = 0.25  # the connection is kept for the next call if the body ends this soon after its [DONE]


class _Watch:
    """Ends a read that takes too long, with one timer for all reads of a stream.

    A timer for each read, as `asyncio.timeout` has, would be made and cancelled for each token, and cost a
    tenth of what a token costs. This one is left alone while tokens come; when it is due it looks how long
    the read that is under way has been waiting.
    """

    def __init__(
        self, upstream: Upstream, content: aiohttp.StreamReader, timeouts: Timeouts, ends: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._upstream = upstream
        self._content = content
        self._gap = timeouts.between_tokens
        self._ends = ends
        self._since: float | None = None  # when the read that is under way began
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A read begins. It raises `ProviderError` if it takes too long."""
        self._since = self._loop.time()
        if self._timer is None:
            self._arm(self._since)

    def end(self) -> None:
        """The read is over."""
        self._since = None

    def stop(self) -> None:
        """No more reads."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, since: float) -> None:
        self._timer = self._loop.call_at(min(since + self._gap, self._ends), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._since is None:  # nothing is being read: the next read sets it again
            return
        due = self._since + self._gap
        if min(due, self._ends) > self._loop.time():
            self._arm(self._since)
        else:
            limit = "total" if self._ends <= due else "between_tokens"
            self._content.set_exception(self._upstream.too_slow(limit))


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
        self._watch = _Watch(upstream, response.content, timeouts, ends)
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
        if not _is_event_stream(self._response.headers.get("Content-Type", "")):
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
        self._watch.stop()
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
        self._watch.begin()
        try:
            return await self._read()
        finally:
            self._watch.end()

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
        if len(events) >= textruns.LEAST and (text := textruns.text(events)) is not None:
            self._answers = self._answers or bool(text)
            return [text] if text else []
        texts = []
        for chunk in wire.chunks(events) if events else ():
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


def _is_event_stream(content_type: str) -> bool:
    """aiohttp's own way to ask leaves 1.5 kB of parsed parameters behind while the stream is open."""
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"
