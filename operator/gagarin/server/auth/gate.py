"""The one way in: a request's headers become an admitted caller, or a 401, 403 or 503.

Somebody who speaks for another (the gateway) says so with Kubernetes' own `Impersonate-*` headers. Then RBAC
is asked twice: whether it may impersonate on this Instance's chat at all, and whether the other may do what
is asked. Each decision is one audit line: `user` is for whom something was asked, `via` who asked for it if
that is somebody else, `verb` what, `decision` what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from gagarin.server import problems
from gagarin.server.auth.access import Access
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.identity import Caller, Identity
from gagarin.server.auth.tokens import TokenVerifier, Verified
from gagarin.server.errors import AuthorityUnavailable, TokenRefused
from gagarin.server.metrics import Metrics
from gagarin.serving.errors import Problem
from gagarin.serving.logs import Log
from gagarin.serving.problems import forbidden, invalid_header

END_USER_HEADER = "Gagarin-End-User"
MAX_END_USER = 256
MAX_TOKEN = 16_384  # characters; a cluster's own tokens have some 1,500
MAX_NAME = 1024
MAX_AUDITED = 256
MAX_GROUPS = 256
_IMPERSONATE = "impersonate-"
_USER, _UID, _GROUP = "Impersonate-User", "Impersonate-Uid", "Impersonate-Group"
_UNDERSTOOD = frozenset(name.lower() for name in (_USER, _UID, _GROUP))


class Headers(Protocol):
    """The headers of a request: names in any case, values one by one or all of a name."""

    def __iter__(self) -> Iterator[str]: ...
    def get(self, key: str, default: str, /) -> str: ...
    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]: ...


class Gate:
    """Admits callers to one Instance."""

    def __init__(
        self,
        verifier: TokenVerifier,
        access: Access,
        instance: str,
        audiences: tuple[str, ...],
        log: Log,
        metrics: Metrics,
    ) -> None:
        self._verifier = verifier
        self._access = access
        self._instance = instance
        self._audiences = audiences
        self._log = log
        self._metrics = metrics

    async def admit(self, headers: Headers, verb: Verb) -> Caller:
        """The caller, who may do `verb`. Raises `Problem` for everyone else."""
        who: dict[str, str] = {}
        try:
            caller = await self._admit(headers, verb, who)
        except Problem as problem:
            self._record(verb, who, problem.slug, problem.detail)
            raise
        self._record(verb, who, "allow", None)
        return caller

    async def _admit(self, headers: Headers, verb: Verb, who: dict[str, str]) -> Caller:
        try:
            verified = await self._verify(headers.get("Authorization", ""))
            who["user"] = verified.identity.user
            identity = verified.identity
            if claimed := [name for name in headers if name.lower().startswith(_IMPERSONATE)]:
                who["via"] = verified.identity.user
                who["user"] = _audited(headers.get(_USER, ""))
                identity = await self._impersonated(verified, headers, claimed)
            await self._require(identity, verb)
        except AuthorityUnavailable as error:
            raise problems.access_unknown() from error
        return Caller(identity, verified.expires, _end_user(headers))

    async def _verify(self, authorization: str) -> Verified:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise problems.no_token(self._audiences)
        if len(token) > MAX_TOKEN or not token.isascii():
            raise problems.unauthorized("the token is refused: no ServiceAccount token looks like that")
        try:
            return await self._verifier.verify(token.strip())
        except TokenRefused as error:
            raise problems.unauthorized(f"the token is refused: {error}") from error

    async def _impersonated(self, verified: Verified, headers: Headers, claimed: Sequence[str]) -> Identity:
        await self._require(verified.identity, "impersonate")
        if unknown := [name for name in claimed if name.lower() not in _UNDERSTOOD]:
            # Such as Impersonate-Extra-Scopes, which may narrow what somebody may do: not to be overlooked.
            raise invalid_header(_audited(unknown[0]), "it is not supported here")
        user = _name(headers, _USER)
        if not user:
            raise invalid_header(_USER, "it is needed beside the other Impersonate headers")
        groups = headers.getall(_GROUP, ())
        if len(groups) > MAX_GROUPS or not all(_is_name(group) for group in groups):
            raise invalid_header(_GROUP, f"at most {MAX_GROUPS} printable names")
        return Identity(verified.identity.issuer, user, _name(headers, _UID), tuple(groups))

    async def _require(self, identity: Identity, verb: Verb) -> None:
        if not await self._access.allowed(identity, verb):
            raise forbidden(identity.user, verb, self._instance)

    def _record(self, verb: Verb, who: dict[str, str], decision: str, reason: str | None) -> None:
        self._metrics.decided(decision)
        fields = who if reason is None else {**who, "reason": reason}
        self._log.audit(verb=verb, decision=decision, **fields)


def _end_user(headers: Headers) -> str:
    value = headers.get(END_USER_HEADER, "")
    if len(value) > MAX_END_USER or not value.isprintable():
        raise invalid_header(END_USER_HEADER, f"at most {MAX_END_USER} printable characters")
    return value


def _name(headers: Headers, header: str) -> str:
    value = headers.get(header, "")
    if value and not _is_name(value):
        raise invalid_header(header, f"at most {MAX_NAME} printable characters")
    return value


def _is_name(value: str) -> bool:
    return 0 < len(value) <= MAX_NAME and value.isprintable()


def _audited(value: str) -> str:
    """What somebody claims, as it may stand in a log."""
    return ascii(value[:MAX_AUDITED])[1:-1]
