"""A model to ask: whole answers and streamed ones, tried again while nothing of the answer was passed on.

A failed call is repeated after a growing pause, or after the one that `Retry-After` asks for. Four limits
bound it: to connect, to the first token, between tokens, and in total.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import aiohttp
import msgspec

from gagarin.core.config import ModelTarget
from gagarin.server import wire
from gagarin.server.errors import ProviderError
from gagarin.server.metrics import Metrics
from gagarin.server.replystream import ReplyStream
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.upstream import Upstream
from gagarin.server.wire import Message, Nonsense, Reply

MAX_REPLY_BYTES = 16 * 1024 * 1024
MAX_PAUSE = 30.0

Messages = Sequence[Message | msgspec.Raw]
T = TypeVar("T")


def pause_after(attempt: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the failed attempt number `attempt` (from 0): 0.5, 1, 2 ... 8, less up to a
    quarter."""
    return float(min(0.5 * 2**attempt, 8.0) * (1.0 - 0.25 * jitter()))


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
    ) -> None:
        self._upstream = Upstream(session, target.provider, secrets)
        self._timeouts = target.provider.timeouts
        self._retries = target.provider.retries
        self._request = request
        self._metrics = metrics
        self._pause = pause

    async def complete(self, messages: Messages) -> Reply:
        """The whole answer at once. Raises `ProviderError`."""
        body = self._request.body(messages, stream=False)
        return await self._in_total(lambda: self._complete(body))

    async def open(self, messages: Messages) -> ReplyStream:
        """A streamed answer, at its first piece. Raises `ProviderError`. Whoever gets it closes it."""
        body = self._request.body(messages, stream=True)
        ends = asyncio.get_running_loop().time() + self._timeouts.total
        return await self._in_total(lambda: self._begin(body, ends))

    async def _complete(self, body: bytes) -> Reply:
        response = await self._upstream.post(body)
        try:
            return wire.completion(await self._upstream.read(response, MAX_REPLY_BYTES))
        except Nonsense as error:
            raise self._upstream.nonsense(error) from error
        finally:
            response.release()

    async def _begin(self, body: bytes, ends: float) -> ReplyStream:
        try:
            async with asyncio.timeout(self._timeouts.first_token):
                response = await self._upstream.post(body)
                stream = ReplyStream(self._upstream, response, self._timeouts, ends)
                try:
                    await stream.begin()
                except BaseException:
                    response.close()
                    raise
        except TimeoutError as error:
            raise self._upstream.too_slow("first_token") from error
        return stream

    async def _in_total(self, call: Callable[[], Awaitable[T]]) -> T:
        began = time.perf_counter()
        outcome = "cancelled"
        try:
            async with asyncio.timeout(self._timeouts.total):
                result = await self._retried(call)
        except TimeoutError as error:
            outcome = "timeout"
            raise self._upstream.too_slow("total") from error
        except ProviderError as error:
            outcome = error.fault
            raise
        else:
            outcome = "ok"
            return result
        finally:
            self._metrics.model_called(self._upstream.name, outcome, time.perf_counter() - began)

    async def _retried(self, call: Callable[[], Awaitable[T]]) -> T:
        attempt = 0
        while True:
            try:
                return await call()
            except ProviderError as error:
                pause = self._pause_after(error, attempt)
                if not error.retryable or attempt >= self._retries or pause > MAX_PAUSE:
                    raise
            attempt += 1
            await asyncio.sleep(pause)

    def _pause_after(self, error: ProviderError, attempt: int) -> float:
        """None the first time a connection broke: usually an idle one that the provider had just closed."""
        if error.retry_after is not None:
            return error.retry_after
        return 0.0 if error.fault == "interrupted" and attempt == 0 else self._pause(attempt)
