"""A worker decides when a key comes back, and survives whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gagarin.controller.metrics import Metrics
from gagarin.controller.rollouts import Rollouts
from gagarin.controller.store import Store
from gagarin.controller.work import work
from gagarin.controller.workqueue import WorkQueue
from gagarin.core.objects import Key
from gagarin.kube.errors import TooManyRequests, Unavailable
from tests.unit.controller.clock import FakeTimers

KEY = Key("Instance", "demo", "a")


async def run(result: Callable[[], float | None]) -> tuple[WorkQueue, FakeTimers, Metrics]:
    """Work on one key once, with this outcome."""
    timers = FakeTimers()
    queue = WorkQueue(timers, jitter=lambda: 1.0)
    metrics = Metrics(queue, Store(), Rollouts(1, queue.add))

    async def reconcile(_: Key) -> float | None:
        queue.stop()
        return result()

    queue.add(KEY)
    await asyncio.wait_for(work(queue, reconcile, metrics), 5)
    return queue, timers, metrics


def failing(error: Exception) -> Callable[[], float | None]:
    def result() -> float | None:
        raise error

    return result


def errors(metrics: Metrics, reason: str) -> float | None:
    labels = {"kind": "Instance", "reason": reason}
    return metrics.registry.get_sample_value("gagarin_reconcile_errors_total", labels)


async def test_success_does_not_bring_a_key_back() -> None:
    queue, timers, metrics = await run(lambda: None)
    timers.advance(1000)
    assert queue.depth == 0
    assert metrics.registry.get_sample_value("gagarin_reconcile_seconds_count", {"kind": "Instance"}) == 1


async def test_a_wish_to_look_again_is_kept() -> None:
    queue, timers, _ = await run(lambda: 30.0)
    timers.advance(29)
    assert queue.depth == 0
    timers.advance(2)
    assert queue.depth == 1


async def test_a_failure_of_the_cluster_comes_back_after_a_while_and_is_counted() -> None:
    queue, timers, metrics = await run(failing(Unavailable("down")))
    assert queue.depth == 0
    timers.advance(0.3)
    assert queue.depth == 1
    assert errors(metrics, "Unavailable") == 1


async def test_the_server_says_how_long() -> None:
    queue, timers, _ = await run(failing(TooManyRequests("slow down", retry_after=9.0)))
    timers.advance(8)
    assert queue.depth == 0
    timers.advance(2)
    assert queue.depth == 1


async def test_a_mistake_of_ours_does_not_end_the_worker() -> None:
    queue, timers, metrics = await run(failing(KeyError("spec")))
    timers.advance(1)
    assert queue.depth == 1
    assert errors(metrics, "InternalError") == 1
