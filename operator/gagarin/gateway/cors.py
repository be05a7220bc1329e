"""Cross-origin requests (the Fetch standard's CORS protocol): refused unless the configuration names the
origin.

Tokens are explicit and there are no cookies, so that credentials in the sense of CORS are never allowed.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

METHODS = "GET, POST, PUT, DELETE"
HEADERS = "Authorization, Content-Type, Idempotency-Key, Gagarin-End-User, Last-Event-ID"
EXPOSED = "Gagarin-Note, Gagarin-Conversation, Gagarin-History, Gagarin-Revision, Retry-After"
PREFLIGHT_SECONDS = "600"


class Cors:
    """The rule for some origins; `*` is all of them."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = origins

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """For `web.Application(middlewares=...)`: answers preflights, which have no token."""
        origin = request.headers.get("Origin")
        if origin is None or not self._allows(origin):
            return await handler(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return self._preflight(origin)
        return await handler(request)

    async def sign(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`: streams send their headers long before their handlers end."""
        if not self._origins:
            return
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is not None and self._allows(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED

    def _allows(self, origin: str) -> bool:
        return origin in self._origins or "*" in self._origins

    def _preflight(self, origin: str) -> web.Response:
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": HEADERS,
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
        }
        return web.Response(status=204, headers=headers)
