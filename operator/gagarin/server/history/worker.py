"""One thread that does one thing after the other for the event loop.

`ThreadPoolExecutor(1)` does the same through two futures and three locks; on the way of every chat, twice,
the difference shows (36 against 53 microseconds a call).

The thread is woken in the loop's next round, not at once. Two threads share one interpreter lock: woken at
once, it would be in the way of a loop that is about to ask the model; a round later the loop has sent what it
had to send, and the thread works while the loop waits for the answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Worker:
    """Runs what it is given in the order in which it is given, also when nobody waits for it any more."""

    def __init__(self, name: str) -> None:
        self._given: list[_Job] = []  # in this round of the loop
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """The result of `work`, or what it raises."""
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._given:
            self._loop.call_soon(self._hand_over)
        self._given.append((work, future))
        return future

    def stop(self) -> None:
        """Finish what was given so far, then end."""
        self._hand_over()
        self._jobs.put(None)
        self._thread.join()

    def _hand_over(self) -> None:
        given, self._given = self._given, []
        for job in given:
            self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
                self._loop.call_soon_threadsafe(_fail, future, error)
            else:
                self._loop.call_soon_threadsafe(_succeed, future, result)


def _succeed(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
