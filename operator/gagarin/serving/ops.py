"""The second port: health, readiness and metrics, for the kubelet and Prometheus, without authentication."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus' exposition format
# Says why the service is not ready; None when it is.
Unready = Callable[[], str | None]


def application(metrics: Callable[[], bytes], unready: Unready) -> web.Application:
    """GET /healthz, /readyz and /metrics; `metrics` gives the exposition."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = unready()
        return web.Response(status=503 if reason else 200, text=f"{reason or 'ok'}\n")

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app
