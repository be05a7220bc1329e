"""Whether somebody may, as RBAC says, remembered for a moment.

An allow counts 30 s, a deny 5 s. While the API server cannot be reached, an allow that ran out counts on for
`stale_allow` seconds; for everyone else there is no answer, which is never taken for a yes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from gagarin.server.auth.authority import Authority, Verb
from gagarin.server.auth.identity import Identity
from gagarin.server.errors import AuthorityUnavailable
from gagarin.server.logs import Log

ALLOW_SECONDS = 30.0
DENY_SECONDS = 5.0
PAUSE_SECONDS = 1.0  # after a failure nobody waits for the API server again for this long
MAX_CACHED = 10_000

_Question = tuple[Identity, Verb]


class _Decision(NamedTuple):
    allowed: bool
    at: float

    def fresh(self, now: float) -> bool:
        return now - self.at < (ALLOW_SECONDS if self.allowed else DENY_SECONDS)


class Access:
    """Asks each question once at a time, however many callers wait for the answer."""

    def __init__(
        self,
        authority: Authority,
        log: Log,
        stale_allow: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = authority
        self._log = log
        self._stale_allow = stale_allow
        self._monotonic = monotonic
        self._decisions: dict[_Question, _Decision] = {}
        self._asking: dict[_Question, asyncio.Task[bool]] = {}
        self._paused_until = float("-inf")

    async def allowed(self, identity: Identity, verb: Verb) -> bool:
        """The decision. Raises `AuthorityUnavailable` when there is none to be had."""
        question = (identity, verb)
        known = self._decisions.get(question)
        if known is not None and known.fresh(self._monotonic()):
            return known.allowed
        try:
            return await self._ask_once(question)
        except AuthorityUnavailable:
            if known is not None and self._counts_stale(known):
                return True
            raise

    def _counts_stale(self, known: _Decision) -> bool:
        return known.allowed and self._monotonic() - known.at < ALLOW_SECONDS + self._stale_allow

    async def _ask_once(self, question: _Question) -> bool:
        if (task := self._asking.get(question)) is None:
            if self._monotonic() < self._paused_until:
                raise AuthorityUnavailable("the API server could not be reached a moment ago")
            task = self._asking[question] = asyncio.create_task(self._ask(question))
            task.add_done_callback(lambda done: self._answered(question, done))
        return await asyncio.shield(task)

    async def _ask(self, question: _Question) -> bool:
        try:
            allowed = await self._authority.review(*question)
        except AuthorityUnavailable as error:
            self._paused_until = self._monotonic() + PAUSE_SECONDS
            self._log.event("warning", "access cannot be checked", reason=str(error))
            raise
        self._remember(question, _Decision(allowed, self._monotonic()))
        return allowed

    def _remember(self, question: _Question, decision: _Decision) -> None:
        self._decisions.pop(question, None)
        if len(self._decisions) >= MAX_CACHED:
            del self._decisions[next(iter(self._decisions))]
        self._decisions[question] = decision

    def _answered(self, question: _Question, done: asyncio.Task[bool]) -> None:
        self._asking.pop(question, None)
        if not done.cancelled():
            done.exception()  # looked at, in case everyone who waited has gone
