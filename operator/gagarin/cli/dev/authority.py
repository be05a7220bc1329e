"""The part of a cluster's API server that a chat server needs, on loopback, for `gagarin dev`.

It issues tokens as the ServiceAccount issuer does (a key pair made at start, published at /openid/v1/jwks),
reviews them, and answers LocalSubjectAccessReviews from the Roles and RoleBindings in the manifests. The
person at the keyboard is the ServiceAccount `developer` of each namespace, may use every Instance, and may
ask for a token of any ServiceAccount (TokenRequest); everyone else needs a Role, as in a cluster. Chat
servers run unchanged against it: there is no mode in which they do not check.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from gagarin.cli.dev.rbac import Request, is_allowed
from gagarin.core.objects import Key, ObjectMap
from gagarin.kube.reviews import SubjectAccessReviewSpec
from gagarin.kube.serviceaccounts import groups_of, user_of

ISSUER = "https://gagarin-dev.localhost"
DEVELOPER = "developer"
TOKEN_SECONDS = 12 * 3600
API_AUDIENCE = "gagarin-dev"
REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 (a path)
TOKENS = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"


class Review(msgspec.Struct):
    """The body of a LocalSubjectAccessReview."""

    spec: SubjectAccessReviewSpec


class TokenReviewSpec(msgspec.Struct):
    """What a TokenReview asks."""

    token: str
    audiences: tuple[str, ...] = ()


class TokenReview(msgspec.Struct):
    """The body of a TokenReview."""

    spec: TokenReviewSpec


class TokenRequestSpec(msgspec.Struct, rename="camel"):
    """What a TokenRequest asks."""

    audiences: tuple[str, ...]
    expiration_seconds: int = 3600


class TokenRequest(msgspec.Struct):
    """The body of a TokenRequest."""

    spec: TokenRequestSpec


class Authority:
    """Issues tokens and decides, over the manifests as they are now: `objects` may be replaced."""

    def __init__(self, objects: ObjectMap) -> None:
        self.objects = objects
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)

    def token(self, namespace: str, service_account: str, audience: str, seconds: int = TOKEN_SECONDS) -> str:
        """A JWT with the claims of a ServiceAccount token, valid for so many seconds."""
        return self._signed(namespace, service_account, (audience,), int(time.time()) + seconds)

    def _signed(self, namespace: str, account: str, audiences: tuple[str, ...], expires: int) -> str:
        now = int(time.time())
        identity = {
            "namespace": namespace,
            "serviceaccount": {"name": account, "uid": f"dev-{namespace}-{account}"},
        }
        claims = {
            "iss": ISSUER,
            "sub": user_of(namespace, account),
            "aud": list(audiences),
            "iat": now,
            "nbf": now,
            "exp": expires,
            "kubernetes.io": identity,
        }
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)

    def app(self) -> web.Application:
        """The HTTP face: what chat servers ask, and tokens for the developer."""
        app = web.Application()
        app.router.add_get("/openid/v1/jwks", self._jwks)
        app.router.add_post(REVIEWS, self._review)
        app.router.add_post(TOKEN_REVIEWS, self._review_token)
        app.router.add_post(TOKENS, self._issue)
        return app

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([self._key]).as_dict(private=False))

    async def _review(self, request: web.Request) -> web.Response:
        spec = msgspec.json.decode(await request.read(), type=Review).spec
        return web.json_response({"status": {"allowed": self._allows(spec)}}, status=201)

    async def _review_token(self, request: web.Request) -> web.Response:
        spec = msgspec.json.decode(await request.read(), type=TokenReview).spec
        claims = self._claims(spec.token)
        audiences = [each for each in claims.get("aud", ()) if each in spec.audiences]
        if not audiences:
            return web.json_response({"status": {"authenticated": False}}, status=201)
        namespace = claims["kubernetes.io"]["namespace"]
        uid = claims["kubernetes.io"]["serviceaccount"]["uid"]
        user = {"username": claims["sub"], "uid": uid, "groups": groups_of(namespace)}
        return web.json_response(
            {"status": {"authenticated": True, "user": user, "audiences": audiences}}, status=201
        )

    async def _issue(self, request: web.Request) -> web.Response:
        """TokenRequest. Only who has the developer's token for this server may ask."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if API_AUDIENCE not in self._claims(bearer).get("aud", ()):
            return _status(401, "Unauthorized", "this is not the developer's token")
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if not self._has_account(namespace, name):
            return _status(404, "NotFound", f"serviceaccounts {name!r} not found among the manifests")
        spec = msgspec.json.decode(await request.read(), type=TokenRequest).spec
        expires = int(time.time()) + spec.expiration_seconds
        token = self._signed(namespace, name, spec.audiences, expires)
        until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response({"status": {"token": token, "expirationTimestamp": until}}, status=201)

    def _has_account(self, namespace: str, name: str) -> bool:
        """`default` is in every namespace, and each Instance has one that the operator makes."""
        if name in (DEVELOPER, "default") or Key("ServiceAccount", namespace, name) in self.objects:
            return True
        instance = Key("Instance", namespace, name.removesuffix("-agent"))
        return name.endswith("-agent") and instance in self.objects

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token of ours says; nothing, when it is none or has expired."""
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            return {}
        return claims if claims["exp"] > time.time() else {}

    def _allows(self, spec: SubjectAccessReviewSpec) -> bool:
        asked = spec.resource_attributes
        if spec.user == user_of(asked.namespace, DEVELOPER):
            return asked.verb != "impersonate"
        resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        return is_allowed(
            Request(
                user=spec.user,
                groups=spec.groups,
                namespace=asked.namespace,
                verb=asked.verb,
                group=asked.group,
                resource=resource,
                name=asked.name,
            ),
            list(self.objects.values()),
        )


def _status(code: int, reason: str, message: str) -> web.Response:
    return web.json_response(
        {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code},
        status=code,
    )
