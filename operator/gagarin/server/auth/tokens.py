"""Verification of a ServiceAccount token, and of nothing else.

The signature counts only with a key of the cluster, with the one algorithm that the key is for; issuer,
audience and times have to fit; the subject has to be a ServiceAccount. A verified token is remembered by its
SHA-256 until it expires, or until the cluster's keys change.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import NamedTuple, Protocol

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


class Named(msgspec.Struct):
    """A ServiceAccount."""

    name: str
    uid: str


class Kubernetes(msgspec.Struct):
    """The claims that are Kubernetes' own."""

    namespace: str
    serviceaccount: Named


class Claims(msgspec.Struct):
    """What a ServiceAccount token says. Only these are decoded, however many there are."""

    iss: str
    sub: str
    exp: float
    aud: str | list[str]
    kubernetes: Kubernetes = msgspec.field(name="kubernetes.io")
    nbf: float = 0.0


class TokenVerifier(Protocol):
    """Finds out who a token speaks for."""

    @property
    def ready(self) -> bool:
        """Whether it can find out anything."""
        ...

    async def verify(self, token: str) -> Verified:
        """Who the token speaks for. Raises `TokenRefused`, or `AuthorityUnavailable` when nobody can say."""
        ...

    async def keep_fresh(self) -> None:
        """What has to go on in the background, for ever."""
        ...


class _Issuer(msgspec.Struct):
    iss: str


_header_decoder = msgspec.json.Decoder(_Header)
_claims_decoder = msgspec.json.Decoder(Claims)
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
        self._audiences = audiences
        self._now = now
        self._cache: dict[bytes, Verified] = {}
        keys.on_change(self._cache.clear)

    @property
    def ready(self) -> bool:
        """Whether there are keys."""
        return self._keys.loaded

    async def keep_fresh(self) -> None:
        """Keep the keys fresh."""
        await self._keys.keep_fresh()

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

    def _judge(self, claims: Claims) -> Verified:
        check(claims, self._issuer, self._audiences, self._now())
        account = claims.kubernetes.serviceaccount
        identity = service_account(claims.iss, claims.kubernetes.namespace, account.name, account.uid)
        if claims.sub != identity.user:
            raise TokenRefused("its subject is not its ServiceAccount")
        return Verified(identity, claims.exp)


def check(claims: Claims, issuer: str, audiences: Collection[str], now: float) -> None:
    """Raises `TokenRefused` for claims that cannot be right here and now."""
    if claims.iss != issuer:
        raise TokenRefused("its issuer is not this cluster")
    if set(audiences).isdisjoint([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise TokenRefused(f"its audience is not {' or '.join(sorted(audiences))}")
    if claims.exp <= now:
        raise TokenRefused("it has expired")
    if claims.nbf > now + CLOCK_SKEW:
        raise TokenRefused("it is not valid yet")


def unverified_claims(token: str) -> Claims:
    """What a token says, whoever signed it. Raises `TokenRefused`."""
    return _claims(_segment(token, 1))


def _signed_claims(token: str, key: SigningKey) -> Claims:
    try:
        payload = jws.deserialize_compact(token, key.key, algorithms=[key.algorithm]).payload
    except (JoseError, ValueError) as error:
        raise TokenRefused("its signature is wrong") from error
    return _claims(payload)


def _claims(payload: bytes) -> Claims:
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
