"""Health, readiness and metrics on the second port."""

from __future__ import annotations

import aiohttp

from gagarin.server.listeners import Listener
from gagarin.server.metrics import Metrics
from gagarin.serving import ops


async def test_the_second_port_tells_health_readiness_and_metrics() -> None:
    reasons: list[str | None] = ["draining"]
    metrics = Metrics()
    metrics.decided("allow")
    listener = Listener(ops.application(metrics.text, lambda: reasons[0]))
    url = f"http://127.0.0.1:{await listener.listen('127.0.0.1', 0)}"
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/healthz") as response:
            assert (response.status, await response.text()) == (200, "ok\n")
        async with session.get("/readyz") as response:
            assert (response.status, await response.text()) == (503, "draining\n")
        reasons[0] = None
        async with session.get("/readyz") as response:
            assert (response.status, await response.text()) == (200, "ok\n")
        async with session.get("/metrics") as response:
            assert response.content_type == "text/plain"
            assert 'gagarin_chat_auth_decisions_total{decision="allow"} 1.0' in await response.text()
    assert await listener.drain(1)
