"""What the API server answered, remembered for a moment.

Each question is asked once at a time, however many callers wait for the answer. While the API server cannot
be reached, an answer that ran out may count on for some time, if it is of a kind that may; for every other
question there is no answer, which is never taken for a yes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

from gagarin.server.errors import AuthorityUnavailable
from gagarin.serving.logs import Log

PAUSE_SECONDS = 1.0  # after a failure nobody waits for the API server again for this long
MAX_CACHED = 10_000

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")


class Lifetime(NamedTuple):
    """For how many seconds an answer counts, and for how many more while there is no newer one to be had."""

    fresh: float
    stale: float = 0.0


class _Known(NamedTuple, Generic[A]):
    answer: A
    fresh_until: float
    stale_until: float


class Memory(Generic[Q, A]):
    """Answers by question. `lifetime` judges an answer; `trouble` is what the log says when there is none."""

    def __init__(
        self,
        lifetime: Callable[[A], Lifetime],
        log: Log,
        trouble: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime = lifetime
        self._log = log
        self._trouble = trouble
        self._monotonic = monotonic
        self._known: dict[Q, _Known[A]] = {}
        self._asking: dict[Q, asyncio.Task[A]] = {}
        self._paused_until = float("-inf")

    async def get(self, question: Q, ask: Callable[[], Coroutine[Any, Any, A]]) -> A:
        """The answer. Raises `AuthorityUnavailable` when there is none to be had."""
        known = self._known.get(question)
        if known is not None and self._monotonic() < known.fresh_until:
            return known.answer
        try:
            return await self._ask_once(question, ask)
        except AuthorityUnavailable:
            if known is not None and self._monotonic() < known.stale_until:
                return known.answer
            raise

    async def _ask_once(self, question: Q, ask: Callable[[], Coroutine[Any, Any, A]]) -> A:
        if (task := self._asking.get(question)) is None:
            if self._monotonic() < self._paused_until:
                raise AuthorityUnavailable("the API server could not be reached a moment ago")
            task = self._asking[question] = asyncio.create_task(self._ask(question, ask))
            task.add_done_callback(lambda done: self._answered(question, done))
        return await asyncio.shield(task)

    async def _ask(self, question: Q, ask: Callable[[], Awaitable[A]]) -> A:
        try:
            answer = await ask()
        except AuthorityUnavailable as error:
            self._paused_until = self._monotonic() + PAUSE_SECONDS
            self._log.event("warning", self._trouble, reason=str(error))
            raise
        self._remember(question, answer)
        return answer

    def _remember(self, question: Q, answer: A) -> None:
        self._known.pop(question, None)
        if len(self._known) >= MAX_CACHED:
            del self._known[next(iter(self._known))]
        fresh, stale = self._lifetime(answer)
        now = self._monotonic()
        self._known[question] = _Known(answer, now + fresh, now + fresh + stale)

    def _answered(self, question: Q, done: asyncio.Task[A]) -> None:
        self._asking.pop(question, None)
        if not done.cancelled():
            done.exception()  # looked at, in case everyone who waited has gone
