"""Questions to the API server's authorizer, and tokens from its issuer (authorization.k8s.io/v1,
authentication.k8s.io/v1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


class ResourceAttributes(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What someone wants to do: a verb on a resource, as RBAC rules spell it."""

    namespace: str
    verb: str
    group: str
    resource: str
    subresource: str = ""
    name: str = ""


class SubjectAccessReviewSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """May this user, in these groups, do this?"""

    user: str
    resource_attributes: ResourceAttributes
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = {}


class AccessDecision(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The authorizer's answer. Not allowed is a no, whether or not it was denied explicitly."""

    allowed: bool
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class ReviewedUser(msgspec.Struct, frozen=True):
    """Whom a token speaks for."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class TokenDecision(msgspec.Struct, frozen=True):
    """What the API server says of a token. `audiences` are those of the asked ones that the token is for;
    none means that whatever verified it knows no audiences: it is for the API server then."""

    authenticated: bool = False
    user: ReviewedUser = ReviewedUser()
    audiences: tuple[str, ...] = ()
    error: str = ""


class TokenStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token that was issued; `expiration_timestamp` is RFC 3339."""

    token: str
    expiration_timestamp: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token for a ServiceAccount: for whom it is meant, and for how many seconds (at least 600)."""

    audiences: tuple[str, ...]
    seconds: int = 3600

    def body(self) -> dict[str, Any]:
        """The request as the API server takes it."""
        spec = {"audiences": list(self.audiences), "expirationSeconds": self.seconds}
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


class ReviewAnswer(msgspec.Struct, frozen=True):
    """The part of an answered review that we read."""

    status: AccessDecision


class TokenReviewAnswer(msgspec.Struct, frozen=True):
    """The part of an answered TokenReview that we read."""

    status: TokenDecision


class TokenAnswer(msgspec.Struct, frozen=True):
    """The part of an answered TokenRequest that we read."""

    status: TokenStatus


class SelfReview(msgspec.Struct, frozen=True, rename="camel"):
    """Who is asking."""

    user_info: ReviewedUser


class SelfReviewAnswer(msgspec.Struct, frozen=True):
    """The part of an answered SelfSubjectReview that we read."""

    status: SelfReview
