"""What the kubelet and Prometheus are told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gagarin.controller.health import STUCK_SECONDS, Health, serving
from gagarin.controller.metrics import Metrics
from gagarin.core.objects import Key
from tests.unit.controller.bench import Bench
from tests.unit.core import builders as b

KEY = Key("Instance", "demo", "support")


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def health(bench: Bench) -> Health:
    return Health(bench.queue, 100, bench.timers.time)


@pytest.fixture
async def address(bench: Bench, health: Health) -> AsyncIterator[str]:
    metrics = Metrics(bench.queue, bench.store, bench.rollouts)
    async with serving(health, metrics, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def test_a_process_that_waits_for_the_lease_is_healthy(health: Health, bench: Bench) -> None:
    bench.timers.advance(100_000)
    assert health.faults() == []


def test_a_resync_that_is_too_old_is_a_fault(health: Health, bench: Bench) -> None:
    health.resynced()
    bench.timers.advance(359)
    assert health.faults() == []
    bench.timers.advance(2)
    assert health.faults() == ["the last resync was 361 s ago"]


def test_a_key_that_never_ends_is_a_fault(health: Health, bench: Bench) -> None:
    bench.queue.add(KEY)
    bench.queue.take()
    bench.timers.advance(STUCK_SECONDS + 1)
    assert health.faults() == ["a resource has been worked on for 301 s"]


def test_a_watch_that_has_been_broken_for_minutes_is_a_fault(bench: Bench) -> None:
    feed = bench.feeds[-1]
    health = Health(bench.queue, 100, bench.timers.time, [feed])
    feed._failing_since = feed._trying_since = bench.timers.time()
    bench.timers.advance(STUCK_SECONDS + 1)
    feed._trying_since = bench.timers.time() - 1
    assert health.faults() == ["namespaces could not be watched for 301 s"]
    bench.timers.advance(60)  # the last try has not failed in a minute: it was let in
    assert health.faults() == []


async def test_the_probes_say_so(address: str, health: Health, bench: Bench) -> None:
    assert await get(f"{address}/healthz") == (200, "ok")
    assert await get(f"{address}/readyz") == (503, "starting")
    health.state = "standby"
    assert await get(f"{address}/readyz") == (200, "standby")
    health.resynced()
    bench.timers.advance(1000)
    assert (await get(f"{address}/healthz"))[0] == 503


async def test_the_metrics_count_resources_by_kind_and_readiness(address: str, bench: Bench) -> None:
    bench.cluster.add(b.provider())
    bench.cluster.add(b.agent(model={"providerRef": {"name": "absent"}, "name": "m"}))
    await bench.settle()
    bench.queue.add(KEY)
    text = (await get(f"{address}/metrics"))[1]
    assert 'gagarin_objects{kind="Provider",ready="True",reason="Ready"} 1.0' in text
    assert 'gagarin_objects{kind="Agent",ready="False",reason="RefNotFound"} 1.0' in text
    assert "gagarin_queue_depth 1.0" in text
