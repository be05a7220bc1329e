"""A model to ask: whole answers and streamed ones, tried again while nothing of the answer was passed on.

Four limits bound a call: to connect, to the first token, between tokens, and in total.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aiohttp

from gagarin.core.config import ModelTarget
from gagarin.server import wire
from gagarin.server.attempts import Attempts, pause_after
from gagarin.server.metrics import Metrics
from gagarin.server.replystream import ReplyStream
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.upstream import Upstream
from gagarin.server.wire import NOTHING, Nonsense, Offer, Reply, Sent

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
    ) -> None:
        self._upstream = Upstream(session, target.provider, secrets, extra_ca)
        self._timeouts = target.provider.timeouts
        self._attempts = Attempts(self._upstream, target.provider, metrics, pause)
        self._request = request
        self.model = target.model

    async def complete(self, messages: Messages, offer: Offer = NOTHING) -> Reply:
        """The whole reply at once. Raises `ProviderError`."""
        body = self._request.body(messages, stream=False, offer=offer)
        return await self._attempts.run(lambda: self._complete(body))

    async def open(self, messages: Messages, offer: Offer = NOTHING) -> ReplyStream:
        """A streamed reply, at its first piece. Raises `ProviderError`. Whoever gets it closes it."""
        body = self._request.body(messages, stream=True, offer=offer)
        ends = asyncio.get_running_loop().time() + self._timeouts.total
        return await self._attempts.run(lambda: self._begin(body, ends))

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
