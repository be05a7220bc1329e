"""The part of a cluster's API server that a chat server needs, on loopback, for `gagarin dev`.

It issues tokens as the ServiceAccount issuer does (a key pair made at start, published at
/openid/v1/jwks) and answers LocalSubjectAccessReviews from the Roles and RoleBindings in the manifests.
The person at the keyboard is the ServiceAccount `developer` of each namespace, and may use every
Instance; everyone else needs a Role, as in a cluster. Chat servers run unchanged against it: there is
no mode in which they do not check.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from gagarin.cli.rbac import Request, is_allowed
from gagarin.core.objects import Object
from gagarin.kube.reviews import SubjectAccessReviewSpec

ISSUER = "https://gagarin-dev.localhost"
DEVELOPER = "developer"
TOKEN_SECONDS = 12 * 3600
REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"


class Review(msgspec.Struct):
    """The body of a LocalSubjectAccessReview."""

    spec: SubjectAccessReviewSpec


class Authority:
    """Issues tokens and decides, over a fixed set of manifests."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self._objects = objects
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)

    def token(self, namespace: str, service_account: str, audience: str) -> str:
        """A JWT with the claims of a ServiceAccount token, valid for twelve hours."""
        now = int(time.time())
        identity = {
            "namespace": namespace,
            "serviceaccount": {"name": service_account, "uid": f"dev-{namespace}-{service_account}"},
        }
        claims = {
            "iss": ISSUER,
            "sub": f"system:serviceaccount:{namespace}:{service_account}",
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "kubernetes.io": identity,
        }
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)

    def app(self) -> web.Application:
        """The HTTP face: the two calls that a chat server makes."""
        app = web.Application()
        app.router.add_get("/openid/v1/jwks", self._jwks)
        app.router.add_post(REVIEWS, self._review)
        return app

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([self._key]).as_dict(private=False))

    async def _review(self, request: web.Request) -> web.Response:
        spec = msgspec.json.decode(await request.read(), type=Review).spec
        return web.json_response({"status": {"allowed": self._allows(spec)}}, status=201)

    def _allows(self, spec: SubjectAccessReviewSpec) -> bool:
        asked = spec.resource_attributes
        if spec.user == f"system:serviceaccount:{asked.namespace}:{DEVELOPER}":
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
            self._objects,
        )
