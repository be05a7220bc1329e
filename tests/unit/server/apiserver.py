"""The two calls of the API server that a chat server makes, answered from memory, over HTTP."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.unit.server.issuer import Issuer
from tests.unit.server.listening import Listening

REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"


class ApiServer(Listening):
    """`allowed` are the (ServiceAccount name, verb) that RBAC would let in; `broken` answers 500 to all."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self.issuer = issuer
        self.allowed = {("caller", "create"), ("caller", "get"), ("caller", "delete")}
        self.broken = False
        self.key_fetches = 0
        self.reviews: list[dict[str, Any]] = []

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/openid/v1/jwks", self._jwks)
        app.router.add_post(REVIEWS, self._review)
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

    def _refuse_if_broken(self, request: web.Request) -> None:
        assert request.headers["Authorization"].startswith("Bearer ")
        if self.broken:
            raise web.HTTPServiceUnavailable
