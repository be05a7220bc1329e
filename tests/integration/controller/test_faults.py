"""An API server that fails in every way known of it: the operator converges all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gagarin.kube.resources import SERVICE
from tests.integration.controller.proxy import Fault
from tests.integration.controller.world import World, changed, revisions


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
    "without a Lease": lambda: [Fault(words="/leases/", status=500, times=2)],
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
        world.wait(lambda: changed(world, before) == 2, "both revisions")
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


# The operator, to which a resync may take a second.
HASTY = """\
import sys
from gagarin.controller import health, main
health.RESYNC_SECONDS = 1.0
sys.exit(main.main(sys.argv[1:]))
"""


def test_health_turns_bad_when_nothing_was_listed_for_too_long(world: World) -> None:
    operator = world.start("--resync-seconds", "1", program=("-c", HASTY))
    world.wait(lambda: operator.health() == (200, "ok"), "it to be healthy")
    with world.proxy.having(Fault("GET", words="limit=", status=503)):
        world.wait(lambda: operator.health()[0] == 503, "it to say so")
        assert "the last resync was" in operator.health()[1]
    world.wait(lambda: operator.health() == (200, "ok"), "it to be healthy again")
    assert operator.metric("gagarin_api_writes_total") >= 0
