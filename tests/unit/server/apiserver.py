"""The three calls of the API server that a chat server makes, answered from memory, over HTTP."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.unit.server.issuer import Issuer, claims_of
from tests.unit.server.listening import Listening

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"


class ApiServer(Listening):
    """`allowed` are the (ServiceAccount name, verb) that RBAC would let in; `broken` answers 500 to all.
    `deleted` are the ServiceAccounts whose tokens a TokenReview no longer takes; `reviewing`: it takes any at
    all."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self.issuer = issuer
        self.allowed = {("caller", "create"), ("caller", "get"), ("caller", "delete")}
        self.broken = False
        self.key_fetches = 0
        self.reviews: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.reviewing = True
        self.token_reviews = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/openid/v1/jwks", self._jwks)
        app.router.add_post(REVIEWS, self._review)
        app.router.add_post(TOKEN_REVIEWS, self._token_review)
        return app

    async def _jwks(self, request: web.Request) -> web.Response:
        self.key_fetches += 1
        self._refuse_if_broken(request)
        return web.Response(body=self.issuer.jwks(), content_type="application/jwk-set+json")

    async def _review(self, request: web.Request) -> web.Response:
        spec = (await request.json())["spec"]
        self.reviews.append(spec)
        self._refuse_if_broken(request)
        attributes = spec["resourceAttributes"]
        name = spec["user"].rpartition(":")[2]
        return web.json_response({"status": {"allowed": (name, attributes["verb"]) in self.allowed}})

    async def _token_review(self, request: web.Request) -> web.Response:
        spec = (await request.json())["spec"]
        self.token_reviews += 1
        self._refuse_if_broken(request)
        if not self.reviewing:
            raise web.HTTPForbidden
        claims = claims_of(spec["token"])
        name = claims["sub"].rpartition(":")[2]
        if name in self.deleted:
            return web.json_response({"status": {"error": f"service account {name} has been deleted"}})
        groups = ["system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated"]
        user = {"username": claims["sub"], "uid": f"uid-of-{name}", "groups": groups}
        audiences = [each for each in spec["audiences"] if each in claims["aud"]]
        return web.json_response({"status": {"authenticated": True, "user": user, "audiences": audiences}})

    def _refuse_if_broken(self, request: web.Request) -> None:
        assert request.headers["Authorization"].startswith("Bearer ")
        if self.broken:
            raise web.HTTPServiceUnavailable
