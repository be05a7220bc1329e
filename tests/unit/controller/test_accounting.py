"""Writes are counted, and none leaves without the Lease."""

from __future__ import annotations

import pytest

from gagarin.controller.accounting import CountedCluster
from gagarin.controller.metrics import Metrics
from gagarin.kube.errors import Unavailable
from gagarin.kube.resources import AGENT, LEASE, SECRET
from tests.unit.controller.bench import Bench
from tests.unit.core import builders as b


def guarded(bench: Bench, *, held: bool = True) -> tuple[CountedCluster, Metrics]:
    metrics = Metrics(bench.queue, bench.store, bench.rollouts)
    return CountedCluster(bench.cluster, metrics, lambda: held), metrics


def count(metrics: Metrics, verb: str, kind: str) -> float | None:
    return metrics.registry.get_sample_value("gagarin_api_writes_total", {"verb": verb, "kind": kind})


async def test_every_way_to_write_is_counted_by_verb_and_kind() -> None:
    cluster, metrics = guarded(Bench())
    made = await cluster.create(AGENT, b.agent())
    await cluster.replace(AGENT, made)
    await cluster.apply({**b.agent(), "status": {"conditions": []}}, field_manager="x", subresource="status")
    await cluster.apply(b.agent(prompt="Be brief."), field_manager="x")
    change = {"metadata": {"labels": {"a": "b"}}}
    await cluster.patch(AGENT, "demo", "support", change, field_manager="x")
    await cluster.delete(AGENT, "demo", "support", uid=made["metadata"]["uid"])
    for verb in ("create", "replace", "apply", "patch", "delete"):
        assert count(metrics, verb, "Agent") == 1
    assert count(metrics, "apply", "Agent/status") == 1


async def test_without_the_lease_nothing_is_written() -> None:
    bench = Bench()
    cluster, _ = guarded(bench, held=False)
    with pytest.raises(Unavailable, match="Lease"):
        await cluster.apply(b.agent(), field_manager="x")
    with pytest.raises(Unavailable, match="Lease"):
        await cluster.delete(SECRET, "demo", "a", uid="u")
    assert bench.cluster.writes == []


async def test_reading_needs_no_lease() -> None:
    bench = Bench()
    bench.cluster.add(b.agent())
    cluster, _ = guarded(bench, held=False)
    assert await cluster.get(AGENT, "demo", "support")
    assert [page.items async for page in cluster.pages(LEASE)] == [[]]
    async for event in cluster.watch(AGENT, resource_version="0"):
        assert event.type == "ADDED"
        break
