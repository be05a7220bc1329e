"""One active operator."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from gagarin.controller.lease import Lease, LeaseLost, Terms
from gagarin.core.objects import Key, Object
from gagarin.kube.errors import Forbidden, Unavailable
from gagarin.kube.resources import Resource
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.controller.clock import until
from tests.unit.server.clock import Clock

KEY = Key("Lease", "system", "operator")
QUICK = Terms(duration=15.0, deadline=10.0, period=0.001)


def lease(cluster: FakeCluster, holder: str, clock: Clock) -> Lease:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    return Lease(cluster, "system", "operator", holder, now=lambda: now, clock=clock, terms=QUICK)


async def some_looks(cluster: FakeCluster) -> None:
    reads = len(cluster.reads)
    await until(lambda: len(cluster.reads) >= reads + 3)


async def test_the_first_one_takes_it() -> None:
    cluster = FakeCluster()
    await lease(cluster, "a", Clock()).acquire()
    spec = cluster.objects[KEY]["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 15, 0)


async def test_a_released_lease_is_taken_at_once() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = lease(cluster, "a", clock)
    await first.acquire()
    await first.release()
    await lease(cluster, "b", clock).acquire()
    spec = cluster.objects[KEY]["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)


async def test_a_held_lease_is_taken_only_after_it_stayed_unchanged_for_its_duration() -> None:
    cluster, clock = FakeCluster(), Clock()
    await lease(cluster, "a", clock).acquire()
    waiting = asyncio.create_task(lease(cluster, "b", clock).acquire())
    await some_looks(cluster)
    clock.seconds += 14
    await some_looks(cluster)
    assert not waiting.done()
    clock.seconds += 2
    await asyncio.wait_for(waiting, 60)
    assert cluster.objects[KEY]["spec"]["holderIdentity"] == "b"


async def test_the_holder_that_restarts_under_its_name_goes_on_at_once() -> None:
    cluster, clock = FakeCluster(), Clock()
    await lease(cluster, "a", clock).acquire()
    await asyncio.wait_for(lease(cluster, "a", clock).acquire(), 5)


async def test_it_is_renewed_until_somebody_else_has_it() -> None:
    cluster, clock = FakeCluster(), Clock()
    held = lease(cluster, "a", clock)
    await held.acquire()
    keeping = asyncio.create_task(held.keep())
    await until(lambda: len(cluster.writes) >= 4)
    cluster.edit(KEY, ("spec", "holderIdentity"), "b")
    with pytest.raises(LeaseLost, match="another holder, b"):
        await asyncio.wait_for(keeping, 60)


async def test_an_api_server_that_is_away_for_too_long_loses_it() -> None:
    cluster, clock = FakeCluster(), Clock()
    held = lease(cluster, "a", clock)
    await held.acquire()
    cluster.failing = [Unavailable("down")] * 1000
    keeping = asyncio.create_task(held.keep())
    await until(lambda: len(cluster.writes) >= 3)
    assert not keeping.done()
    clock.seconds += 10
    with pytest.raises(LeaseLost, match="was not renewed for 10 s"):
        await asyncio.wait_for(keeping, 60)


class SlowCluster(FakeCluster):
    """An API server that has done what it is asked long before its answer arrives."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds

    async def replace(self, resource: Resource, item: Object) -> Object:
        done = await super().replace(resource, item)
        self._clock.seconds += self._seconds
        self.failing = [Unavailable("down")] * 1000
        return done


async def test_a_slow_answer_does_not_make_the_lease_last_longer_than_others_think() -> None:
    clock = Clock()
    cluster = SlowCluster(clock, 9)
    held = lease(cluster, "a", clock)
    await held.acquire()
    keeping = asyncio.create_task(held.keep())
    await until(lambda: len(cluster.writes) >= 2)
    clock.seconds += 2  # 11 since the renewal; somebody else may begin after 15
    with pytest.raises(LeaseLost, match="was not renewed for 10 s"):
        await asyncio.wait_for(keeping, 60)


async def test_without_the_right_to_it_nobody_waits() -> None:
    cluster = FakeCluster(failing=[Forbidden("no")])
    with pytest.raises(Forbidden):
        await lease(cluster, "a", Clock()).acquire()


async def test_a_release_that_fails_is_no_failure() -> None:
    cluster, clock = FakeCluster(), Clock()
    held = lease(cluster, "a", clock)
    await held.acquire()
    cluster.failing = [Unavailable("down")]
    await held.release()
    assert cluster.objects[KEY]["spec"]["holderIdentity"] == "a"


async def test_somebody_elses_lease_is_not_released() -> None:
    cluster, clock = FakeCluster(), Clock()
    held = lease(cluster, "a", clock)
    await held.acquire()
    cluster.edit(KEY, ("spec", "holderIdentity"), "b")
    await held.release()
    assert cluster.objects[KEY]["spec"]["holderIdentity"] == "b"


async def test_whoever_was_stopped_for_longer_than_the_lease_lasts_no_longer_counts_as_its_holder() -> None:
    cluster, clock = FakeCluster(), Clock()
    held = lease(cluster, "a", clock)
    seen = [held.is_held]
    await held.acquire()
    for seconds in (14, 2):
        clock.seconds += seconds
        seen.append(held.is_held)
    assert seen == [False, True, False]
