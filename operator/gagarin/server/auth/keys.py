"""The cluster's public keys for ServiceAccount tokens, kept fresh.

The whole set is replaced at every refresh, so that a key the cluster withdrew stops counting. A token with an
unknown key id waits for a refresh, of which there is one every few seconds at most, whatever is thrown at us:
the first tokens of a key that the cluster has just begun to use are late, not refused. Few wait at a time,
and none for a key that the last refresh did not have. While the API server is unreachable the last set stays:
what it lets through still has to pass the access check.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gagarin.server.auth.authority import Authority
from gagarin.server.errors import AuthorityUnavailable
from gagarin.serving.logs import Log

REFRESH_SECONDS = 270.0
UNKNOWN_KEY_SECONDS = 5.0
MAX_WAITING = 64
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class SigningKey(NamedTuple):
    """A public key, bound to the one algorithm that it is for."""

    algorithm: str
    key: RSAKey | ECKey


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


def parse(document: bytes) -> dict[str, SigningKey]:
    """The usable keys of a JWKS (RFC 7517) by key id. Raises `AuthorityUnavailable` if it is not one.

    Keys of another kind, for another use or without an id are left out: a token cannot name them.
    """
    try:
        members = msgspec.json.decode(document, type=_Set).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AuthorityUnavailable("the API server's key set is not a JWKS") from error
    found = ((member.get("kid"), _signing_key(member)) for member in members)
    return {kid: key for kid, key in found if isinstance(kid, str) and kid and key is not None}


def _signing_key(member: dict[str, Any]) -> SigningKey | None:
    algorithm = "RS256" if member.get("kty") == "RSA" else _CURVES.get(str(member.get("crv")))
    if algorithm is None or member.get("use", "sig") != "sig" or member.get("alg", algorithm) != algorithm:
        return None
    try:
        kind = RSAKey if algorithm == "RS256" else ECKey
        return SigningKey(algorithm, kind.import_key(member))
    except (JoseError, ValueError, TypeError):
        return None


class UnknownKey(Exception):  # noqa: N818 -- an answer, not a failure
    """No key of the cluster has this id, as far as we were allowed to look."""


class KeyRing:
    """The current key set. `changed` is called whenever a refresh brings other keys than before."""

    def __init__(
        self,
        authority: Authority,
        log: Log,
        changed: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._authority = authority
        self._log = log
        self._changed = changed
        self._monotonic = monotonic
        self._document = b""
        self._keys: dict[str, SigningKey] = {}
        self._sleep = sleep
        self._asked = float("-inf")
        self._refreshes = 0
        self._waiting = 0
        self._missing: set[str] = set()  # the unknown ids that the last refresh was asked for
        self._failures = 0
        self._lock = asyncio.Lock()

    @property
    def loaded(self) -> bool:
        """Whether any token can be verified at all."""
        return bool(self._keys)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call `changed` when the keys are others than before."""
        self._changed = changed

    async def find(self, kid: str) -> SigningKey:
        """The key with this id. Raises `UnknownKey`, or `AuthorityUnavailable` when we cannot know."""
        if key := self._keys.get(kid):
            return key
        if self._pause_left() > 0:
            self._raise_if_unreachable()
        if self._waiting >= MAX_WAITING or (kid in self._missing and self._pause_left() > 0):
            raise UnknownKey
        self._waiting += 1
        try:
            await self._look_for(kid)
        finally:
            self._waiting -= 1
        if key := self._keys.get(kid):
            return key
        self._raise_if_unreachable()
        self._missing.add(kid)
        raise UnknownKey

    async def refresh(self) -> None:
        """Fetch the key set now. Raises `AuthorityUnavailable`; the old keys stay then."""
        async with self._lock:
            await self._refresh()

    async def try_refresh(self) -> None:
        """Fetch the key set now; a failure is logged, and known to `keep_fresh`."""
        try:
            await self.refresh()
        except AuthorityUnavailable as error:
            self._log.event("warning", "the cluster's keys cannot be fetched", reason=str(error))

    async def keep_fresh(self) -> None:
        """Refresh for ever: regularly, and sooner after a failure."""
        while True:
            await self._sleep(self._pause())
            await self.try_refresh()

    def _pause(self) -> float:
        if self._failures == 0:
            return REFRESH_SECONDS
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]

    def _raise_if_unreachable(self) -> None:
        if self._failures:
            raise AuthorityUnavailable("the key set could not be fetched a moment ago")

    async def _look_for(self, kid: str) -> None:
        """Wait for a refresh that begins after now; the first one who waits makes it."""
        known = self._refreshes
        async with self._lock:
            if kid in self._keys or self._refreshes != known:
                return
            if (left := self._pause_left()) > 0:
                await self._sleep(left)
            await self._refresh()

    def _pause_left(self) -> float:
        return self._asked + UNKNOWN_KEY_SECONDS - self._monotonic()

    async def _refresh(self) -> None:
        self._asked = self._monotonic()
        self._refreshes += 1
        self._missing.clear()
        try:
            document = await self._authority.jwks()
            keys = parse(document)
        except AuthorityUnavailable:
            self._failures += 1
            raise
        self._failures = 0
        if document != self._document:
            self._document, self._keys = document, keys
            self._changed()
            self._log.event("info", "the cluster's keys are loaded", keys=sorted(keys))
