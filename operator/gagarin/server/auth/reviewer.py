"""Verification of a token by the API server itself (TokenReview), for who wants it to count at once when a
ServiceAccount, or the pod that a token is bound to, is deleted.

The answer is remembered for ten seconds, as the API server itself does, a refusal for five. While the API
server cannot be reached, a token that it took counts on for `stale` seconds, until it expires; no other one
does. What a token says of itself is looked at first: one that cannot be right costs the API server nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from hashlib import sha256

from gagarin.kube.reviews import TokenDecision
from gagarin.server.auth.authority import Authority
from gagarin.server.auth.identity import Identity
from gagarin.server.auth.memory import Lifetime, Memory
from gagarin.server.auth.tokens import Claims, Verified, check, unverified_claims
from gagarin.server.errors import AuthorityUnavailable, TokenRefused
from gagarin.serving.logs import Log

TAKEN_SECONDS = 10.0
REFUSED_SECONDS = 5.0
RETRY_SECONDS = 2.0
MAX_ASKING = 32  # at once; whoever comes then waits
_SERVICE_ACCOUNT = "system:serviceaccount:"


class Reviewer:
    """Verifies tokens of one issuer for some audiences."""

    def __init__(
        self,
        authority: Authority,
        log: Log,
        issuer: str,
        audiences: tuple[str, ...],
        stale: float,
        own_token: Callable[[], str],
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = authority
        self._log = log
        self._issuer = issuer
        self._audiences = audiences
        self._own_token = own_token
        self._now = now
        taken, refused = Lifetime(TAKEN_SECONDS, stale), Lifetime(REFUSED_SECONDS)
        self._memory: Memory[bytes, TokenDecision] = Memory(
            lambda found: taken if found.authenticated else refused,
            log,
            "tokens cannot be reviewed",
            monotonic,
        )
        self._asking = asyncio.Semaphore(MAX_ASKING)
        self.ready = False

    async def verify(self, token: str) -> Verified:
        """Who the token speaks for. Raises `TokenRefused`, or `AuthorityUnavailable`."""
        claims = unverified_claims(token)
        check(claims, self._issuer, self._audiences, self._now())
        digest = sha256(token.encode(errors="replace")).digest()
        return self._judge(await self._memory.get(digest, lambda: self._review(token)), claims)

    async def keep_fresh(self) -> None:
        """Find out whether the API server reviews tokens for us at all, until it does; then there is nothing
        to be done."""
        while not self.ready:
            await self.try_once()
            await asyncio.sleep(RETRY_SECONDS)
        await asyncio.Event().wait()

    async def try_once(self) -> None:
        """Have our own token reviewed. What comes of it is of no interest, if only there is an answer."""
        try:
            await self._review(self._own_token())
            self.ready = True
        except (AuthorityUnavailable, OSError) as error:
            self._log.event("warning", "the API server reviews no tokens for us", reason=str(error))

    async def _review(self, token: str) -> TokenDecision:
        async with self._asking:
            return await self._authority.token(token, self._audiences)

    def _judge(self, found: TokenDecision, claims: Claims) -> Verified:
        if not found.authenticated:
            raise TokenRefused("the API server does not take it")
        if set(self._audiences).isdisjoint(found.audiences):
            raise TokenRefused(f"its audience is not {' or '.join(sorted(self._audiences))}")
        user = found.user
        if not user.username.startswith(_SERVICE_ACCOUNT):
            raise TokenRefused("it is not a ServiceAccount token")
        return Verified(Identity(self._issuer, user.username, user.uid, user.groups), claims.exp)
