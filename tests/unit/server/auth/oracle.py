"""An `Authority` in memory: the seam behind which the API server is."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

from gagarin.kube.reviews import ReviewedUser, TokenDecision
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.identity import Identity, service_account
from gagarin.server.errors import AuthorityUnavailable
from gagarin.serving.logs import Log
from tests.unit.server.issuer import ISSUER, Issuer


class Oracle:
    """`allowed` are (user, verb); `down` makes it unreachable; `gate` makes reviews wait."""

    def __init__(self, issuer: Issuer | None = None) -> None:
        self.issuer = issuer or Issuer()
        self.allowed: set[tuple[str, Verb]] = set()
        self.down = False
        self.gate: asyncio.Event | None = None
        self.key_fetches = 0
        self.reviews: list[tuple[Identity, Verb]] = []
        self.tokens: dict[str, TokenDecision] = {}  # what it says of tokens; nothing of others
        self.token_reviews: list[str] = []

    async def jwks(self) -> bytes:
        """The keys."""
        self.key_fetches += 1
        self._raise_if_down()
        return self.issuer.jwks()

    async def token(self, token: str, audiences: Sequence[str]) -> TokenDecision:
        """Whom a token speaks for."""
        self.token_reviews.append(token)
        if self.gate is not None:
            await self.gate.wait()
        self._raise_if_down()
        return self.tokens.get(token, TokenDecision(error="unknown"))

    async def review(self, identity: Identity, verb: Verb) -> bool:
        """The decision."""
        self.reviews.append((identity, verb))
        if self.gate is not None:
            await self.gate.wait()
        self._raise_if_down()
        return (identity.user, verb) in self.allowed

    def _raise_if_down(self) -> None:
        if self.down:
            raise AuthorityUnavailable("connection refused")


def account(name: str) -> Identity:
    """The identity of a ServiceAccount in team-a."""
    return service_account(ISSUER, "team-a", name, f"uid-of-{name}")


def taken(name: str, *audiences: str) -> TokenDecision:
    """What the API server says of a good token."""
    identity = account(name)
    return TokenDecision(True, ReviewedUser(identity.user, identity.uid, identity.groups), audiences)


def quiet() -> Log:
    """A log that nobody reads."""
    return Log("error", io.BytesIO())
