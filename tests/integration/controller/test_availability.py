"""Two replicas, of which one works: whatever becomes of it, nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from gagarin.controller.lease import Lease, Terms
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import from_kubeconfig
from gagarin.kube.resources import CONFIG_MAP, DEPLOYMENT, LEASE
from tests.integration.controller.proxy import Fault
from tests.integration.controller.world import World, changed, revisions

ROLL_AT_ONCE = ("--max-concurrent-rollouts", "1000")
# At a Lease that nobody renews: after the shortest pauses, one at the begin, and one to spare.
MOST_LOOKS = Terms().duration / (0.75 * Terms().period) + 2


def looks(world: World, since: int) -> int:
    """How often the Lease was looked at from that call on, until it was taken: no time that a busy machine
    could make longer."""
    calls = [call for call in world.proxy.calls[since:] if "/leases/" in call.path]
    return len(list(takewhile(lambda call: not call.is_write, calls)))


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
    world.wait(lambda: len(world.names(DEPLOYMENT)) == count, "all Deployments", seconds=300)
    world.quiet()


def test_a_leader_killed_while_200_objects_change_is_followed_within_the_lease_time(world: World) -> None:
    first = world.start(*ROLL_AT_ONCE, name="first")
    second = world.launch(*ROLL_AT_ONCE, name="second")
    populate(world, 200)
    before = revisions(world)
    since = len(world.proxy.calls)
    with world.proxy.having(Fault("PATCH", words="/deployments/", seconds=0.5)):
        world.apply(world.agent(prompt="You help briefly."))
        world.wait(lambda: changed(world, before), "it to be in the middle")
        first.kill()
        killed = len(world.proxy.calls)
        assert changed(world, before) < 200
    world.wait(lambda: second.says("active:"), "the second to take over")
    assert looks(world, killed) <= MOST_LOOKS
    world.wait(lambda: changed(world, before) == 200, "all to change", seconds=300)
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
    world.wait(lambda: second.says("active:"), "the second to take over")
    before = revisions(world)
    world.apply(world.agent(prompt="You help briefly."))
    world.wait(lambda: changed(world, before), "the second to roll it out")
    world.make_ready("helper")
    world.quiet()
    with world.counting() as writes:
        first.process.send_signal(signal.SIGCONT)
        assert first.process.wait(60) == 1
    assert writes == []


async def test_replicas_whose_clocks_differ_by_an_hour_share_a_lease(world: World) -> None:
    terms = Terms(duration=8.0, deadline=6.0, period=0.3)
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
        await asyncio.sleep(10 * terms.period)  # who compares clocks would have taken it at the first look
        assert not waiting.done()
        assert not holding.done()
        holding.cancel()
        await asyncio.wait_for(waiting, 60)
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
