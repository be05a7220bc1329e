"""A model to ask: whole answers and streamed ones, tried again while nothing of the answer was passed on.

Four limits bound a call: to connect, to the first token, between tokens, and in total.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial

import aiohttp

from gagarin.core.config import ModelTarget
from gagarin.server import wire
from gagarin.server.attempts import Attempts, pause_after
from gagarin.server.costs import cost_of
from gagarin.server.errors import ProviderError
from gagarin.server.metrics import Metrics
from gagarin.server.replystream import ReplyStream
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.spans import model_call
from gagarin.server.upstream import Upstream
from gagarin.server.wire import NOTHING, Nonsense, Offer, Reply, Sent, Usage
from gagarin.serving.tracing import PASS_ON, Span, Tracing

MAX_REPLY_BYTES = 16 * 1024 * 1024

Messages = Sequence[Sent]


class ModelClient:
    """One model of one provider. Safe to use from many tasks."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: ModelTarget,
        request: wire.Request,
        secrets: SecretFiles,
        metrics: Metrics,
        pause: Callable[[int], float] = pause_after,
        extra_ca: str | None = None,
        tracing: Tracing = PASS_ON,
    ) -> None:
        self._upstream = Upstream(session, target.provider, secrets, extra_ca)
        self._timeouts = target.provider.timeouts
        self._attempts = Attempts(self._upstream, target.provider, metrics, pause)
        self._request = request
        self._tracing = tracing
        self._vendor = target.provider.type
        self.target = target
        self.model = target.model
        self._prices = target.cost

    def cost(self, usage: Usage | None) -> Decimal | None:
        """What a call with this usage costs, if prices and usage are known."""
        return cost_of(self._prices, usage)

    async def complete(self, messages: Messages, offer: Offer = NOTHING) -> Reply:
        """The whole reply at once. Raises `ProviderError`."""
        body = self._request.body(messages, stream=False, offer=offer)
        span = model_call(self._tracing, self._vendor, self.model)
        try:
            reply = await self._attempts.run(lambda: self._complete(body, span.headers()))
            _describe(span, reply.usage, reply.finish)
        except ProviderError as error:
            span.fail(error.fault)
            raise
        finally:
            span.end()
        return reply

    async def open(self, messages: Messages, offer: Offer = NOTHING) -> ReplyStream:
        """A streamed reply, at its first piece. Raises `ProviderError`. Whoever gets it closes it."""
        body = self._request.body(messages, stream=True, offer=offer)
        span = model_call(self._tracing, self._vendor, self.model)
        ends = asyncio.get_running_loop().time() + self._timeouts.total
        try:
            stream = await self._attempts.run(lambda: self._begin(body, ends, span.headers()))
        except BaseException as error:
            span.fail(error.fault if isinstance(error, ProviderError) else "cancelled")
            span.end()
            raise
        stream.on_close = partial(_close, span)
        return stream

    async def _complete(self, body: bytes, trace: Mapping[str, str]) -> Reply:
        response = await self._upstream.post(body, trace)
        try:
            return wire.completion(await self._upstream.read(response, MAX_REPLY_BYTES))
        except Nonsense as error:
            raise self._upstream.nonsense(error) from error
        finally:
            response.release()

    async def _begin(self, body: bytes, ends: float, trace: Mapping[str, str]) -> ReplyStream:
        try:
            async with asyncio.timeout(self._timeouts.first_token):
                response = await self._upstream.post(body, trace)
                stream = ReplyStream(self._upstream, response, self._timeouts, ends)
                try:
                    await stream.begin()
                except BaseException:
                    response.close()
                    raise
        except TimeoutError as error:
            raise self._upstream.too_slow("first_token") from error
        return stream


def _close(span: Span, stream: ReplyStream) -> None:
    """A streamed call is over when its stream is closed."""
    _describe(span, stream.usage, stream.finish)
    if not stream.complete:
        span.fail("interrupted")
    span.end()


def _describe(span: Span, usage: Usage | None, finish: str) -> None:
    span.set(
        gen_ai__response__finish_reasons=[finish],
        gen_ai__usage__input_tokens=usage and usage.prompt_tokens,
        gen_ai__usage__output_tokens=usage and usage.completion_tokens,
    )
