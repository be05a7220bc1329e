"""`/healthz`, `/readyz` and `/metrics`, for the kubelet and for Prometheus.

Healthy: the last resync is not too old, no resource has been worked on for minutes, and no watch has been
broken for minutes. Ready: this process
does its work, or stands by for the one that does; both are good, so that a rollout of the operator does not
wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gagarin.controller.feeds import Feed
from gagarin.controller.metrics import Metrics
from gagarin.controller.workqueue import WorkQueue

STUCK_SECONDS = 300.0
RESYNC_SECONDS = 60.0  # that a resync may take itself


class Health:
    """The state of this process. `clock` is the event loop's."""

    def __init__(
        self,
        queue: WorkQueue,
        resync_seconds: float,
        clock: Callable[[], float],
        feeds: Sequence[Feed] = (),
    ) -> None:
        self._queue = queue
        self._feeds = feeds
        self._patience = 3 * resync_seconds + RESYNC_SECONDS
        self._clock = clock
        self._resynced: float | None = None
        self.state = "starting"

    def resynced(self) -> None:
        """Everything was listed just now."""
        self._resynced = self._clock()

    def faults(self) -> list[str]:
        """Why the process should be restarted; empty when it should not."""
        found = []
        if self._resynced is not None and (age := self._clock() - self._resynced) > self._patience:
            found.append(f"the last resync was {age:.0f} s ago")
        if (age := self._queue.longest_run()) > STUCK_SECONDS:
            found.append(f"a resource has been worked on for {age:.0f} s")
        broken = [(feed.broken_for(self._clock()), feed.collection.resource.plural) for feed in self._feeds]
        found += [
            f"{plural} could not be watched for {age:.0f} s" for age, plural in broken if age > STUCK_SECONDS
        ]
        return found


@asynccontextmanager
async def serving(health: Health, metrics: Metrics, host: str, port: int) -> AsyncIterator[int]:
    """Serve in the background. Yields the port, which a `port` of 0 leaves to the system."""
    app = web.Application()

    async def healthz(_: web.Request) -> web.Response:
        faults = health.faults()
        return web.Response(text="\n".join(faults) or "ok", status=503 if faults else 200)

    async def readyz(_: web.Request) -> web.Response:
        is_ready = health.state in ("active", "standby")
        return web.Response(text=health.state, status=200 if is_ready else 503)

    async def render(_: web.Request) -> web.Response:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", render)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
