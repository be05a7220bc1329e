"""Keys, in a fair order, one worker at a time."""

from __future__ import annotations

import asyncio

import pytest

from gagarin.controller.workqueue import LONGEST_DELAY, WorkQueue
from gagarin.core.objects import Key
from tests.unit.controller.clock import FakeTimers

A, B, C = (Key("Instance", "demo", name) for name in "abc")


@pytest.fixture
def timers() -> FakeTimers:
    return FakeTimers()


@pytest.fixture
def queue(timers: FakeTimers) -> WorkQueue:
    return WorkQueue(timers, jitter=lambda: 1.0)


def test_keys_come_in_the_order_they_were_added(queue: WorkQueue) -> None:
    for key in (B, A, B, C):
        queue.add(key)
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == [B, A, C, None]


def test_a_key_in_work_comes_again_only_afterwards(queue: WorkQueue) -> None:
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    queue.add(A)
    assert queue.take() is None
    queue.done(A)
    assert queue.take() == A
    queue.done(A)
    assert queue.take() is None


def test_the_background_waits_for_everything_else(queue: WorkQueue) -> None:
    queue.add(A, background=True)
    queue.add(B, background=True)
    queue.add(C)
    queue.add(B)
    assert [queue.take() for _ in range(3)] == [C, B, A]


def test_a_background_key_does_not_hold_back_one_that_waits(queue: WorkQueue) -> None:
    queue.add(A)
    queue.add(A, background=True)
    queue.take()
    queue.done(A)
    assert queue.take() is None


def test_failures_wait_longer_each_time_and_success_forgets_them(
    queue: WorkQueue, timers: FakeTimers
) -> None:
    assert [queue.retry(A) for _ in range(3)] == [0.25, 0.5, 1.0]
    assert max(queue.retry(A) for _ in range(20)) == LONGEST_DELAY
    queue.succeeded(A)
    assert queue.retry(A) == 0.25
    timers.advance(0.24)
    assert queue.take() is None
    timers.advance(0.02)
    assert queue.take() == A


def test_jitter_spreads_the_delay_over_its_upper_half(timers: FakeTimers) -> None:
    assert WorkQueue(timers, jitter=lambda: 0.0).retry(A) == 0.125


def test_the_servers_wish_for_a_pause_is_respected(queue: WorkQueue) -> None:
    assert queue.retry(A, at_least=7.0) == 7.0


def test_of_two_times_the_earlier_one_counts(queue: WorkQueue, timers: FakeTimers) -> None:
    queue.add_after(A, 10)
    queue.add_after(A, 5)
    queue.add_after(A, 8)
    timers.advance(5)
    assert queue.take() == A
    queue.done(A)
    timers.advance(5)
    assert queue.take() is None


def test_it_knows_how_long_keys_wait_and_run(queue: WorkQueue, timers: FakeTimers) -> None:
    assert (queue.depth, queue.oldest_wait(), queue.longest_run()) == (0, 0.0, 0.0)
    queue.add(A)
    timers.advance(3)
    queue.add(B)
    assert (queue.depth, queue.oldest_wait()) == (2, 3.0)
    queue.take()
    timers.advance(2)
    assert (queue.oldest_wait(), queue.longest_run()) == (2.0, 2.0)


async def test_a_waiting_worker_is_woken(queue: WorkQueue) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add(A)
    queue.add(B)
    assert {await worker for worker in workers} == {A, B}


async def test_a_stopped_queue_lets_its_workers_go_and_hands_out_nothing(queue: WorkQueue) -> None:
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.stop()
    assert await worker is None
    queue.add(A)
    assert await queue.get() is None
