"""The workers: take a key, reconcile it, decide when it comes back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from gagarin.controller.metrics import Metrics
from gagarin.controller.workqueue import WorkQueue
from gagarin.core.objects import Key
from gagarin.kube.errors import KubeError

logger = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[float | None]]


async def work(queue: WorkQueue, reconcile: Reconcile, metrics: Metrics) -> None:
    """Work on keys until the queue is stopped. A key that fails never ends the worker."""
    while (key := await queue.get()) is not None:
        try:
            with metrics.reconciling.labels(key.kind).time():
                await _work_on(key, queue, reconcile, metrics)
        finally:
            queue.done(key)


async def _work_on(key: Key, queue: WorkQueue, reconcile: Reconcile, metrics: Metrics) -> None:
    try:
        again = await reconcile(key)
    except KubeError as error:
        metrics.errors.labels(key.kind, error.reason or type(error).__name__).inc()
        delay = queue.retry(key, error.retry_after or 0.0)
        logger.warning("%s: %s; trying again in %.1f s", key, error, delay)
    except Exception:
        metrics.errors.labels(key.kind, "InternalError").inc()
        delay = queue.retry(key)
        logger.exception("%s: a mistake in the operator; trying again in %.1f s", key, delay)
    else:
        queue.succeeded(key)
        if again is not None:
            queue.add_after(key, again)
