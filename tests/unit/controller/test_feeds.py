"""Lists and watches keep the store in step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from gagarin.controller.feeds import Feed, other_collections, our_collections
from gagarin.core.names import labels
from gagarin.core.objects import Key
from gagarin.kube.errors import Gone, KubeError, TooManyRequests, Unavailable
from gagarin.kube.watch import WatchEvent
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.controller.bench import Bench
from tests.unit.controller.clock import until
from tests.unit.core import builders as b

SECRET = Key("Secret", "demo", "openai")
POD = Key("Pod", "demo", "p")


class BreakingCluster(FakeCluster):
    """Its next watches raise `broken`, one each, before they tell anything."""

    broken: tuple[KubeError, ...] = ()

    async def watch(self, *args: Any, **options: Any) -> AsyncIterator[WatchEvent]:
        if self.broken:
            error, *rest = self.broken
            self.broken = tuple(rest)
            raise error
        async for event in super().watch(*args, **options):
            yield event


def feed_of(bench: Bench, kind: str) -> Feed:
    return next(feed for feed in bench.feeds if feed.collection.resource.kind == kind)


@asynccontextmanager
async def following(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def pod(phase: str = "Running") -> dict[str, Any]:
    metadata = {"namespace": "demo", "name": "p", "labels": labels("support")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": phase}}


async def test_a_list_finds_what_is_there_and_what_is_not() -> None:
    bench = Bench()
    bench.cluster.add(pod())
    await feed_of(bench, "Pod").refresh()
    assert bench.store.get(POD) is not None
    bench.cluster.remove(POD)
    await feed_of(bench, "Pod").refresh()
    assert bench.store.get(POD) is None


async def test_a_watch_tells_what_happens_after_the_list() -> None:
    bench = Bench()
    async with following(feed_of(bench, "Pod")):
        bench.cluster.add(pod())
        await until(lambda: bench.store.get(POD) is not None)
        bench.cluster.edit(POD, ("status", "phase"), "Failed")
        await until(lambda: (bench.store.get(POD) or {})["status"]["phase"] == "Failed")
        bench.cluster.remove(POD)
        await until(lambda: bench.store.get(POD) is None)


@pytest.mark.parametrize("error", [Unavailable("cut"), Gone("too old")])
async def test_a_broken_watch_goes_on_and_misses_nothing(error: KubeError) -> None:
    cluster = BreakingCluster()
    bench = Bench(cluster)
    feed = feed_of(bench, "Pod")
    cluster.add(pod())
    await feed.refresh()
    cluster.broken = (error, error)
    cluster.remove(POD)
    if isinstance(error, Gone):
        cluster.history.clear()  # the server has forgotten what happened: only a list tells
    async with following(feed):
        await until(lambda: bench.store.get(POD) is None)


async def test_a_watch_that_cannot_be_had_is_counted_and_known_since_when() -> None:
    cluster = BreakingCluster()
    bench = Bench(cluster)
    feed = feed_of(bench, "Pod")
    await feed.refresh()
    cluster.broken = (Unavailable("cut"),) * 2 + (TooManyRequests("later", retry_after=0.01),)
    failures: list[None] = []
    task = asyncio.create_task(feed.follow(lambda: failures.append(None)))
    await until(lambda: len(failures) == 3)
    assert feed.broken_for(asyncio.get_running_loop().time()) > 0
    cluster.add(pod())
    await until(lambda: bench.store.get(POD) is not None)
    await until(lambda: feed.broken_for(asyncio.get_running_loop().time()) == 0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_only_secrets_that_are_referred_to_are_read() -> None:
    bench = Bench()
    bench.cluster.add(b.provider(apiKey=b.secret_ref()))
    await bench.settle()
    async with following(feed_of(bench, "Secret")):
        bench.cluster.add(b.secret("unrelated"))
        bench.cluster.add(b.secret())
        await until(lambda: bench.store.get(SECRET) is not None)
    assert "get Secret unrelated" not in bench.cluster.reads
    assert bench.store.get(SECRET) == {
        **b.secret(),
        "metadata": (bench.store.get(SECRET) or {})["metadata"],
    }


async def test_a_config_map_that_loses_its_labels_is_no_child_any_more() -> None:
    bench = Bench()
    key = Key("ConfigMap", "demo", "c")
    item = b.config_map("c", {})
    bench.cluster.add({**item, "metadata": {**item["metadata"], "labels": labels("support")}})
    feed = feed_of(bench, "ConfigMap")
    await feed.refresh()
    assert bench.store.children(Key("Instance", "demo", "support"), "ConfigMap")
    bench.cluster.edit(key, ("metadata", "labels"), None)
    await feed.refresh()
    assert bench.store.get(key) is None


def test_in_named_namespaces_everything_is_asked_for_there() -> None:
    found = [*our_collections(("a", "b")), *other_collections(("a", "b"))]
    assert {at.namespace for at in found} == {"a", "b"}
    assert "Namespace" not in {at.resource.kind for at in found}
    assert "Namespace" in {at.resource.kind for at in other_collections((None,))}


def test_what_may_hold_secrets_is_watched_by_its_metadata_only() -> None:
    metadata_only = {at.resource.kind for at in other_collections((None,)) if at.metadata_only}
    assert {"Secret", "ConfigMap", "Namespace"} <= metadata_only
    assert not metadata_only & {"Deployment", "ReplicaSet", "Pod"}


async def test_a_second_list_only_compares_versions_until_something_is_news() -> None:
    bench = Bench()
    bench.cluster.add(pod())
    feed = feed_of(bench, "Pod")
    await feed.refresh()
    known = bench.store.get(POD)
    bench.cluster.reads.clear()
    await feed.refresh()
    assert bench.cluster.reads == ["compare Pod"]
    assert bench.store.get(POD) is known
    bench.cluster.edit(POD, ("status", "phase"), "Failed")
    await feed.refresh()
    assert bench.cluster.reads == ["compare Pod"] * 2 + ["list Pod"]
    assert (bench.store.get(POD) or {})["status"]["phase"] == "Failed"
