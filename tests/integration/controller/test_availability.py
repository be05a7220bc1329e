"""Two replicas, and an API server that fails in every way known of it: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gagarin.controller.lease import Lease, Terms
from gagarin.core.names import REVISION
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import from_kubeconfig
from gagarin.kube.resources import CONFIG_MAP, DEPLOYMENT, LEASE, SERVICE
from tests.integration.controller.proxy import Fault
from tests.integration.controller.world import World

LEASE_SECONDS = 15.0
ROLL_AT_ONCE = ("--max-concurrent-rollouts", "1000")


def revisions(world: World) -> dict[str, str]:
    """Which revision the Deployment of each Instance wants."""
    return {
        item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"][REVISION]
        for item in world.every(DEPLOYMENT)
    }


def changed(world: World, before: dict[str, str]) -> int:
    """How many Deployments want another revision than before."""
    return sum(before.get(name) != revision for name, revision in revisions(world).items())


def contents(world: World, since: int) -> dict[str, set[str]]:
    """With which contents each child was written."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for call in world.proxy.calls[since:]:
        if call.method == "PATCH" and f"/{world.namespace}/" in call.path and "/status" not in call.path:
            found[str(call)].add(call.content)
    return found


def populate(world: World, count: int) -> None:
    """Instances that share everything, and run no pods."""
    world.apply(*world.quickstart()[:-1])
    world.apply(*(world.instance(f"helper-{number}", suspend=True) for number in range(count)))
    world.wait(lambda: len(world.names(DEPLOYMENT)) == count, "all Deployments", seconds=120)
    world.quiet()


def test_a_leader_killed_while_200_objects_change_is_followed_within_the_lease_time(world: World) -> None:
    first = world.start(*ROLL_AT_ONCE, name="first")
    second = world.launch(*ROLL_AT_ONCE, name="second")
    populate(world, 200)
    before = revisions(world)
    since = len(world.proxy.calls)
    world.apply(world.agent(prompt="You help briefly."))
    world.wait(lambda: changed(world, before), "it to be in the middle")
    first.kill()
    killed = time.monotonic()
    assert changed(world, before) < 200
    world.wait(lambda: second.says("active:"), "the second to take over", seconds=LEASE_SECONDS + 5)
    assert time.monotonic() - killed < LEASE_SECONDS + 4  # it looks every two seconds
    world.wait(lambda: changed(world, before) == 200, "all to change", seconds=120)
    world.quiet()
    written = contents(world, since)
    assert sum(write.startswith("PATCH deployments") for write in written) == 200
    assert {write: found for write, found in written.items() if len(found) > 1} == {}
    assert second.metric("gagarin_leader") == 1


def test_a_leader_that_was_frozen_wakes_up_without_another_write(world: World) -> None:
    first = world.start(name="first")
    second = world.launch(name="second")
    world.apply(*world.quickstart())
    world.make_ready("helper")
    first.process.send_signal(signal.SIGSTOP)
    world.wait(lambda: second.says("active:"), "the second to take over", seconds=LEASE_SECONDS + 10)
    before = revisions(world)
    world.apply(world.agent(prompt="You help briefly."))
    world.wait(lambda: changed(world, before), "the second to roll it out")
    world.make_ready("helper")
    world.quiet()
    with world.counting() as writes:
        first.process.send_signal(signal.SIGCONT)
        assert first.process.wait(20) == 1
    assert writes == []


def test_a_restarted_api_server_is_waited_for_and_nothing_is_written_twice(world: World) -> None:
    operator = world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.quiet()
    with world.counting() as writes:
        world.plane.restart("kube-apiserver")
        world.apply(world.instance("second"))
        world.make_ready("second")
    assert not any(write.endswith(" helper") for write in writes)
    assert operator.process.poll() is None


FAULTS: dict[str, Callable[[], list[Fault]]] = {
    "busy": lambda: [Fault(status=429, retry_after=1, times=60)],
    "busy with writes": lambda: [Fault("PATCH", status=429, retry_after=1, times=30)],
    "broken": lambda: [Fault(status=500, times=40), Fault("PATCH", status=503, times=20)],
    "slow": lambda: [Fault(seconds=0.4)],
    "slow to tell of changes": lambda: [Fault("GET", words="watch=", seconds=2)],
    "forgetful": lambda: [Fault("GET", expired=True, times=60)],
    "without lists": lambda: [Fault("GET", words="limit=", status=503, times=25)],
    "without a Lease": lambda: [Fault(words="/leases/", status=500, times=3)],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_the_api_server_answers_it_converges(
    world: World, faults: Callable[[], list[Fault]]
) -> None:
    operator = world.start("--resync-seconds", "5")
    world.apply(*world.quickstart())
    world.make_ready("helper")
    before = revisions(world)
    with world.proxy.having(*faults()):
        world.proxy.cut()
        world.apply(world.instance("second"), world.secret(value="second"))
        world.apply(world.agent(prompt="You help briefly."))
        world.delete(SERVICE, "helper")
        world.wait(lambda: changed(world, before) == 2, "both revisions", seconds=60)
        world.make_ready("helper", "second")
    world.wait(lambda: world.get(SERVICE, "helper"), "the Service")
    world.quiet(1.5)
    assert operator.process.poll() is None
    assert operator.health() == (200, "ok")


def test_it_starts_through_an_api_server_that_cannot_list_yet(world: World) -> None:
    world.apply(*world.quickstart())
    with world.proxy.having(Fault("GET", words="limit=", status=503, times=2)):
        world.start()
    world.make_ready("helper")


def test_health_turns_bad_when_nothing_was_listed_for_too_long(world: World) -> None:
    operator = world.start("--resync-seconds", "1")
    world.wait(lambda: operator.health() == (200, "ok"), "it to be healthy")
    with world.proxy.having(Fault("GET", words="limit=", status=503)):
        world.wait(lambda: operator.health()[0] == 503, "it to say so", seconds=90)
        assert "the last resync was" in operator.health()[1]
    world.wait(lambda: operator.health() == (200, "ok"), "it to be healthy again")
    assert operator.metric("gagarin_api_writes_total") >= 0


async def test_replicas_whose_clocks_differ_by_an_hour_share_a_lease(world: World) -> None:
    terms = Terms(duration=2.0, deadline=1.5, period=0.3)
    clock = asyncio.get_running_loop().time
    async with KubeClient(from_kubeconfig(world.plane.kubeconfig)) as client:

        def replica(name: str, skew: timedelta) -> Lease:
            return Lease(
                client,
                world.namespace,
                "skewed",
                name,
                now=lambda: datetime.now(UTC) + skew,
                clock=clock,
                terms=terms,
            )

        late, early = replica("late", -timedelta(hours=1)), replica("early", timedelta(hours=1))
        await late.acquire()
        holding = asyncio.create_task(late.keep())
        waiting = asyncio.create_task(early.acquire())
        await asyncio.sleep(2 * terms.duration)  # a comparison of clocks would have let it in by now
        assert not waiting.done()
        assert not holding.done()
        holding.cancel()
        await asyncio.wait_for(waiting, 10)
        assert early.is_held
    held = (world.get(LEASE, "skewed") or {})["spec"]
    assert held["holderIdentity"] == "early"


def test_no_configuration_is_left_over_after_all_of_this(world: World) -> None:
    """A change of leader in the middle of a rollout forgets no ConfigMap."""
    first = world.start(*ROLL_AT_ONCE, name="first")
    populate(world, 20)
    before = revisions(world)
    world.apply(world.agent(prompt="You help briefly."))
    world.wait(lambda: changed(world, before), "it to be in the middle")
    first.stop()
    world.start(*ROLL_AT_ONCE, name="second")
    world.wait(lambda: len(world.names(CONFIG_MAP)) == 20 + 1, "one ConfigMap each, and the cluster's own")
