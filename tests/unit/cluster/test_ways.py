"""Ways: which kind of cluster is chosen, and what a user reads when none is possible."""

from pathlib import Path

import pytest

from hack.cluster import settings, ways
from hack.cluster.errors import ClusterError, NoWayError
from hack.cluster.ways import Probes, Way, decide


def machine(*, docker: bool = False, kind: bool = True, lacks: list[str] | None = None) -> Probes:
    return Probes(docker=lambda: docker, kind=lambda: kind, obstacles=lambda: lacks or [])


@pytest.mark.parametrize(
    ("wish", "ask", "way"),
    [
        ("", machine(docker=True), Way.KIND),
        ("", machine(docker=False), Way.NODE),
        ("", machine(docker=True, kind=False), Way.NODE),
        ("node", machine(docker=True), Way.NODE),
        ("kind", machine(docker=True), Way.KIND),
        ("existing", machine(lacks=["a node needs root"]), Way.EXISTING),
    ],
)
def test_the_best_possible_way_is_taken(wish: str, ask: Probes, way: Way) -> None:
    assert decide(wish, ask) is way


def test_the_current_context_is_never_used_unasked() -> None:
    with pytest.raises(NoWayError):
        decide("", machine(lacks=["a node needs root"]))


def test_no_way_says_what_each_one_lacks() -> None:
    with pytest.raises(NoWayError, match=r"(?s)`docker info` fails.*a node needs root.*no `go`") as caught:
        decide("", machine(lacks=["a node needs root", "there is no `go`"]))
    assert caught.value.status == 3


def test_a_wish_that_cannot_be_met_is_not_replaced() -> None:
    with pytest.raises(NoWayError):
        decide("kind", machine(docker=False))
    with pytest.raises(NoWayError):
        decide("node", machine(docker=True, lacks=["a node needs root"]))


def test_an_unknown_wish_names_what_is_known() -> None:
    with pytest.raises(ClusterError, match="existing, kind, node"):
        decide("minikube", machine(docker=True))


def test_a_cluster_in_use_is_kept_whatever_the_machine_offers_now(tmp_path: Path) -> None:
    values = settings.read({"XDG_CACHE_HOME": str(tmp_path)})
    ways.remember(values, Way.KIND)
    assert ways.current(values, {}) is Way.KIND
    with pytest.raises(ClusterError, match="'kind' is in use"):
        ways.current(values, {"CLUSTER": "node"})
    ways.forget(values)
    assert ways.remembered(values) is None


def test_asking_for_the_existing_cluster_goes_before_one_in_use(tmp_path: Path) -> None:
    values = settings.read({"XDG_CACHE_HOME": str(tmp_path)})
    ways.remember(values, Way.NODE)
    assert ways.current(values, {"CLUSTER": "existing"}) is Way.EXISTING
