"""Verification of a ServiceAccount token, and of nothing else.

The signature counts only with a key of the cluster, with the one algorithm that the key is for; issuer,
audience and times have to fit; the subject has to be a ServiceAccount. A verified token is remembered by its
SHA-256 until it expires, or until the cluster's keys change.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from gagarin.server.auth.identity import Identity, service_account
from gagarin.server.auth.keys import KeyRing, SigningKey, UnknownKey
from gagarin.server.errors import TokenRefused

MAX_CACHED = 10_000
CLOCK_SKEW = 10.0  # seconds that a node's clock may be behind the API server's; `exp` gets no such grace


class Verified(NamedTuple):
    """Who a token speaks for, and until when (seconds since the epoch)."""

    identity: Identity
    expires: float


class _Header(msgspec.Struct):
    alg: str
    kid: str
    crit: list[str] | None = None


class _Named(msgspec.Struct):
    name: str
    uid: str


class _Kubernetes(msgspec.Struct):
    namespace: str
    serviceaccount: _Named


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    exp: float
    aud: str | list[str]
    kubernetes: _Kubernetes = msgspec.field(name="kubernetes.io")
    nbf: float = 0.0


class _Issuer(msgspec.Struct):
    iss: str


_header_decoder = msgspec.json.Decoder(_Header)
_claims_decoder = msgspec.json.Decoder(_Claims)
_NOT_A_JWT = "it is not a signed JWT"


def issuer_of(token: str) -> str:
    """The issuer that an unverified token names. For our own token, which the kubelet gave us."""
    try:
        return msgspec.json.decode(_segment(token, 1), type=_Issuer).iss
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TokenRefused(_NOT_A_JWT) from error


class Verifier:
    """Verifies tokens of one issuer for some audiences."""

    def __init__(
        self, keys: KeyRing, issuer: str, audiences: tuple[str, ...], now: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audiences = frozenset(audiences)
        self._now = now
        self._cache: dict[bytes, Verified] = {}
        keys.on_change(self._cache.clear)

    async def verify(self, token: str) -> Verified:
        """Who the token speaks for. Raises `TokenRefused`, or `AuthorityUnavailable` without keys."""
        digest = sha256(token.encode(errors="replace")).digest()
        if (known := self._cache.get(digest)) is not None:
            if known.expires > self._now():
                return known
            del self._cache[digest]
        claims = _signed_claims(token, await self._key(token))
        verified = self._judge(claims)
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = verified
        return verified

    async def _key(self, token: str) -> SigningKey:
        try:
            header = _header_decoder.decode(_segment(token, 0))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TokenRefused("its header has no algorithm and key id") from error
        try:
            key = await self._keys.find(header.kid)
        except UnknownKey as error:
            raise TokenRefused("it is signed with a key that is not the cluster's") from error
        if header.alg != key.algorithm:
            raise TokenRefused("its algorithm is not the one of its key")
        if header.crit is not None:
            raise TokenRefused("its header asks for extensions")
        return key

    def _judge(self, claims: _Claims) -> Verified:
        now = self._now()
        if claims.iss != self._issuer:
            raise TokenRefused("its issuer is not this cluster")
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if self._audiences.isdisjoint(audiences):
            raise TokenRefused(f"its audience is not {' or '.join(sorted(self._audiences))}")
        if claims.exp <= now:
            raise TokenRefused("it has expired")
        if claims.nbf > now + CLOCK_SKEW:
            raise TokenRefused("it is not valid yet")
        account = claims.kubernetes.serviceaccount
        identity = service_account(claims.iss, claims.kubernetes.namespace, account.name, account.uid)
        if claims.sub != identity.user:
            raise TokenRefused("its subject is not its ServiceAccount")
        return Verified(identity, claims.exp)


def _signed_claims(token: str, key: SigningKey) -> _Claims:
    try:
        payload = jws.deserialize_compact(token, key.key, algorithms=[key.algorithm]).payload
    except (JoseError, ValueError) as error:
        raise TokenRefused("its signature is wrong") from error
    try:
        return _claims_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TokenRefused("it is not a ServiceAccount token") from error


def _segment(token: str, number: int) -> bytes:
    """A part of a compact JWS (RFC 7515, section 3.1), decoded."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused(_NOT_A_JWT)
    try:
        return urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4))
    except (Base64Error, ValueError) as error:
        raise TokenRefused(_NOT_A_JWT) from error
