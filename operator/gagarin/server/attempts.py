"""A call to a provider, tried again while that makes sense, within the time that the Provider gives it.

A failed call is repeated after a growing pause, or after the one that `Retry-After` asks for.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gagarin.core.config import Provider
from gagarin.server.errors import ProviderError
from gagarin.server.metrics import Metrics
from gagarin.server.upstream import Upstream

MAX_PAUSE = 30.0
T = TypeVar("T")


def pause_after(attempt: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the failed attempt number `attempt` (from 0): 0.5, 1, 2 ... 8, less up to a
    quarter."""
    return float(min(0.5 * 2**attempt, 8.0) * (1.0 - 0.25 * jitter()))


class Attempts:
    """Runs the calls of one route of one provider."""

    def __init__(
        self,
        upstream: Upstream,
        provider: Provider,
        metrics: Metrics,
        pause: Callable[[int], float] = pause_after,
    ) -> None:
        self._upstream = upstream
        self._seconds = provider.timeouts.total
        self._retries = provider.retries
        self._metrics = metrics
        self._pause = pause

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` gives, if need be at a later attempt. Raises `ProviderError`."""
        began = time.perf_counter()
        outcome = "cancelled"
        try:
            async with asyncio.timeout(self._seconds):
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
