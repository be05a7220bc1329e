"""A thread for the event loop: in order, whole, and with the errors of the work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from gagarin.server.history.worker import Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker("test")
    yield made
    made.stop()


async def test_work_is_done_in_order_and_in_another_thread(worker: Worker) -> None:
    done: list[int] = []
    for number in range(100):
        last = worker.run(partial(done.append, number))
    await last
    assert done == list(range(100))
    assert await worker.run(threading.current_thread) is not threading.current_thread()


async def test_what_the_work_raises_is_raised_to_who_waits(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 / 0)
    assert await worker.run(lambda: "goes on") == "goes on"


@pytest.mark.parametrize("fails", [False, True])
async def test_work_is_done_even_if_nobody_waits_any_more(worker: Worker, *, fails: bool) -> None:
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.wait(60)
        done.set()
        if fails:
            raise ValueError

    future = worker.run(work)
    future.cancel()
    begun.set()
    await worker.run(lambda: None)
    assert done.is_set()
    with pytest.raises(asyncio.CancelledError):
        await future


async def test_what_was_given_is_finished_before_the_end() -> None:
    worker = Worker("test")
    done: list[int] = []
    for number in range(10):
        worker.run(partial(done.append, number))
    worker.stop()
    assert len(done) == 10
