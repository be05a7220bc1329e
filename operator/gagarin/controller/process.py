"""One operator process: its parts, and the order in which they start and stop.

Start: take the Lease, list everything, then the workers, the watches, kopf last (it cancels what was started
after it when it ends). Stop: finish the keys in work, release the Lease. Any part that fails ends the
process, because Kubernetes restarts it better than it could mend itself; a lost Lease ends it without
another write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from gagarin.controller.accounting import CountedCluster
from gagarin.controller.children import Children
from gagarin.controller.events import Events
from gagarin.controller.feeds import Feed, other_collections, our_collections
from gagarin.controller.health import Health, serving
from gagarin.controller.intake import Intake
from gagarin.controller.lease import Lease, LeaseLost
from gagarin.controller.metrics import Metrics
from gagarin.controller.plans import Plans
from gagarin.controller.reconcile import Parts, Reconciler
from gagarin.controller.referents import Referents
from gagarin.controller.rollouts import Rollouts, is_settled
from gagarin.controller.settings import Settings
from gagarin.controller.statuses import Statuses
from gagarin.controller.store import Store
from gagarin.controller.watch import watch_our_kinds
from gagarin.controller.work import work
from gagarin.controller.workqueue import WorkQueue
from gagarin.core.graph import OUR_KINDS, Graph
from gagarin.core.objects import Key
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import KubeError

logger = logging.getLogger(__name__)

FINISH_SECONDS = 8.0  # for the keys in work when the process is told to stop
EVENTS_SECONDS = 2.0
KOPF_SECONDS = 5.0
SECOND_LOOK_SECONDS = 15.0  # finds what was deleted between our first list and kopf's
RETRY_SECONDS = 5.0  # until the next try to list everything, when one failed
TURNS = 12  # so many resyncs look at every resource again, though there was no news of it


class Operator:
    """Everything that runs in the process, put together. `rearm` sets the signal handlers anew."""

    def __init__(self, settings: Settings, client: KubeClient, rearm: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._client = client
        self._rearm = rearm
        self._queue = WorkQueue(loop)
        self._store = Store()
        self._plans = Plans()
        self._intake = Intake(self._store, Graph(), self._queue, self._plans)
        self._rollouts = Rollouts(settings.max_concurrent_rollouts, self._queue.add)
        self._metrics = Metrics(self._queue, self._store, self._rollouts)
        self._lease = Lease(
            client,
            settings.lease_namespace or client.endpoint.namespace,
            settings.lease_name,
            settings.pod_name,
            now=_now,
            clock=loop.time,
        )
        self._cluster = CountedCluster(client, self._metrics, lambda: self._lease.is_held)
        self._referents = Referents(self._cluster, self._intake, settings.namespaces)
        self._events = Events(self._cluster, settings.pod_name, _now)
        self._our_feeds = [self._feed(at) for at in our_collections(settings.scopes)]
        self._other_feeds = [self._feed(at) for at in other_collections(settings.scopes)]
        self._health = Health(self._queue, settings.resync_seconds, loop.time, self._other_feeds)
        self._render = settings.render()
        self._turn = 0
        self._reconciler = Reconciler(self._parts())

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises what ended the process otherwise."""
        async with serving(self._health, self._metrics, self._settings.host, self._settings.port) as port:
            self._health.state = "standby"
            logger.info("health and metrics on port %d; waiting for the Lease", port)
            if not await _before(stop, self._lease.acquire()):
                return
            holding = _task(self._lease.keep(), "lease")
            self._metrics.leader.set(1)
            try:
                if await _before(stop, self._resync_at_last(), holding):
                    await self._be_active(stop, holding)
            finally:
                await _cancel([holding])
                if not isinstance(_error_of(holding), LeaseLost):
                    await self._lease.release()

    async def _be_active(self, stop: asyncio.Event, holding: asyncio.Task[None]) -> None:
        self._rollouts.recover(self._rolling())
        workers = [_task(self._work(), f"worker {n}") for n in range(self._settings.workers)]
        others = [
            _task(self._resync_forever(), "resync"),
            _task(self._events.send(), "events"),
            *(
                _task(feed.follow(self._watch_failures(feed)), f"watch of {feed.collection.resource.plural}")
                for feed in self._other_feeds
            ),
        ]
        kopf = _task(self._watch_ours(), "kopf")
        self._health.state = "active"
        logger.info("active: %d objects known", len(self._store))
        try:
            await _first(stop, [holding, *workers, *others, kopf])
            await self._finish(workers)
        finally:
            await _cancel([*workers, *others])
            await _cancel([kopf], KOPF_SECONDS)

    async def _finish(self, workers: list[asyncio.Task[None]]) -> None:
        """No new keys; let those in work, and the Events about them, come to their end."""
        logger.info("stopping")
        self._health.state = "stopping"
        self._queue.stop()
        await asyncio.wait(workers, timeout=FINISH_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENTS_SECONDS):
                await self._events.flush()

    async def _work(self) -> None:
        await work(self._queue, self._reconciler.reconcile, self._metrics)

    async def _watch_ours(self) -> None:
        await watch_our_kinds(self._client.endpoint, self._settings.namespaces, self._intake, self._rearm)

    async def _resync_forever(self) -> None:
        seconds = min(SECOND_LOOK_SECONDS, self._settings.resync_seconds)
        while True:
            await asyncio.sleep(seconds)
            await self._resync_at_last()
            seconds = self._settings.resync_seconds

    async def _resync_at_last(self) -> None:
        """Resync, as often as it takes. /healthz tells when that takes too long."""
        while True:
            try:
                return await self._resync()
            except KubeError as error:
                logger.warning("everything could not be listed: %s", error)
                await asyncio.sleep(max(RETRY_SECONDS, error.retry_after or 0.0))

    async def _resync(self) -> None:
        """List everything, which brings what was missed to the queue; have another look at some resources,
        when nothing else is to be done."""
        with self._metrics.resyncing.time():
            self._store.forget_deletions()
            for feed in (*self._our_feeds, *self._other_feeds):
                await feed.refresh()
            if self._settings.namespaces:
                await self._referents.refresh_all("Namespace")
            self._referents.sweep()
        self._look_again(every=1 if self._read_settings() else TURNS)
        self._health.resynced()

    def _look_again(self, every: int) -> None:
        """Queue a part of our resources, in turn: of all that matters to them, an event has queued them."""
        self._turn += 1
        keys = (key for kind in OUR_KINDS for key in self._store.keys(kind))
        for number, key in enumerate(keys):
            if (number + self._turn) % every == 0:
                self._queue.add(key, background=True)

    def _read_settings(self) -> bool:
        """Did the file of certificates change, and with it what all children should be?"""
        try:
            render = self._settings.render()
        except ValueError as error:
            logger.error("%s: the former certificates stay in use", error)  # noqa: TRY400 -- it says it all
            return False
        if render == self._render:
            return False
        self._render = render
        self._plans.clear()
        return True

    def _watch_failures(self, feed: Feed) -> Callable[[], None]:
        return self._metrics.watch_failures.labels(feed.collection.resource.plural).inc

    def _rolling(self) -> list[Key]:
        """Instances that are in the middle of a rollout; a first start is none."""
        return [
            instance
            for instance in self._store.keys("Instance")
            for deployment in self._store.children(instance, "Deployment")
            if deployment["metadata"].get("generation", 1) > 1 and not is_settled(deployment)
        ]

    def _feed(self, collection: Any) -> Feed:
        return Feed(collection, self._cluster, self._intake, self._referents)

    def _parts(self) -> Parts:
        clock = asyncio.get_running_loop().time
        return Parts(
            cluster=self._cluster,
            store=self._store,
            intake=self._intake,
            plans=self._plans,
            referents=self._referents,
            children=Children(self._cluster, self._store, clock),
            rollouts=self._rollouts,
            statuses=Statuses(self._cluster, self._store, self._events, clock),
            settings=lambda: self._render,
            policy=self._settings.policy,
            now=_now,
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _task(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(coroutine, name=name)


async def _before(
    stop: asyncio.Event, coroutine: Coroutine[Any, Any, None], *running: asyncio.Task[None]
) -> bool:
    """Did the coroutine end before `stop` was set? Raises what it raised, or what ended a running task."""
    task = asyncio.create_task(coroutine)
    try:
        await _first(stop, [task, *running], may_end=task)
        return task.done()
    finally:
        await _cancel([task])


async def _first(
    stop: asyncio.Event, tasks: list[asyncio.Task[None]], may_end: asyncio.Task[None] | None = None
) -> None:
    """Wait until `stop` is set or a task ends, which only the one that `may_end` should do."""
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
    for task in done - {stopped}:
        await task  # raises its error
        if task is not may_end:
            raise RuntimeError(f"{task.get_name()} ended by itself")


async def _cancel(tasks: list[asyncio.Task[None]], seconds: float = FINISH_SECONDS) -> None:
    """Cancel tasks and wait for their end. What they raise was told already, or comes of the cancelling."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        _error_of(task)


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
