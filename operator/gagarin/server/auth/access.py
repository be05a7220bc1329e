"""Whether somebody may, as RBAC says, remembered for a moment.

An allow counts 30 s, a deny 5 s. While the API server cannot be reached, an allow that ran out counts on for
`stale_allow` seconds; for everyone else there is no answer, which is never taken for a yes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gagarin.server.auth.authority import Authority, Verb
from gagarin.server.auth.identity import Identity
from gagarin.server.auth.memory import Lifetime, Memory
from gagarin.serving.logs import Log

ALLOW_SECONDS = 30.0
DENY_SECONDS = 5.0


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
        allow, deny = Lifetime(ALLOW_SECONDS, stale_allow), Lifetime(DENY_SECONDS)
        self._memory: Memory[tuple[Identity, Verb], bool] = Memory(
            lambda allowed: allow if allowed else deny, log, "access cannot be checked", monotonic
        )

    async def allowed(self, identity: Identity, verb: Verb) -> bool:
        """The decision. Raises `AuthorityUnavailable` when there is none to be had."""
        return await self._memory.get((identity, verb), lambda: self._authority.review(identity, verb))
