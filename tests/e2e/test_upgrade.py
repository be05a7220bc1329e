"""The operator upgraded and uninstalled with Helm while Instances run. Each test begins with an installation
of its own, and the last one ends with what users install."""

from __future__ import annotations

import time
from functools import partial

import pytest

from tests.e2e import resources
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import OPERATOR, SYSTEM, CallerOf, Helm, is_ready, run_id

NAMES = tuple(f"bot-{number}" for number in range(3))

pytestmark = pytest.mark.alone


def test_an_upgrade_of_the_operator_alone_rolls_nothing(
    cluster: Cluster, helm: Helm, standing_bot: str
) -> None:
    before, operators = generation(cluster, standing_bot, "bot"), uids(cluster, SYSTEM, OPERATOR)
    pods = uids(cluster, standing_bot)
    helm.install("podAnnotations.run=" + run_id(), "log.level=debug", "workers=8")
    eventually("the old operators are gone", lambda: uids(cluster, SYSTEM, OPERATOR), operators.isdisjoint)
    # Something that the new one does: by then it has looked at everything.
    cluster.apply(resources.instance(standing_bot, "later"))
    eventually("a new Instance is Ready", lambda: cluster.get("Instance", standing_bot, "later"), is_ready)
    cluster.delete("Instance", standing_bot, "later")
    assert generation(cluster, standing_bot, "bot") == before
    assert pods <= uids(cluster, standing_bot)


def test_what_changes_the_pods_rolls_them_few_at_a_time(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install("maxConcurrentRollouts=1")
    cluster.apply(resources.agent(namespace), *(resources.instance(namespace, name) for name in NAMES))
    for name in NAMES:
        eventually(f"{name} is Ready", partial(cluster.get, "Instance", namespace, name), is_ready)
    before = {name: generation(cluster, namespace, name) for name in NAMES}
    cluster.apply(resources.agent(namespace, prompt="Be verbose."))
    most = most_rolling(cluster, namespace, before)
    assert most == 1


def most_rolling(cluster: Cluster, namespace: str, before: dict[str, int]) -> int:
    """Watches until every Deployment has rolled since `before`; how many were at it at once, at most."""
    most, deadline = 0, time.monotonic() + 180
    while True:
        found = {one["metadata"]["name"]: one for one in cluster.list("Deployment", namespace)}
        most = max(most, sum(is_rolling(one) for one in found.values()))
        if all(found[name]["metadata"]["generation"] > before[name] for name in NAMES) and not any(
            map(is_rolling, found.values())
        ):
            return most
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def is_rolling(deployment: Object) -> bool:
    status = deployment["status"]
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return True
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    return counts != {deployment["spec"]["replicas"]}


def test_an_uninstallation_leaves_what_users_made_and_says_so(
    cluster: Cluster, helm: Helm, standing_bot: str, caller_of: CallerOf
) -> None:
    pods = uids(cluster, standing_bot)
    helm.call("uninstall", "gagarin", "--wait")
    told = helm.call("uninstall", "gagarin-crds", "--wait")
    assert "kept" in told
    assert "instances.gagarin.fyodorov.ai" in told
    assert cluster.get("Instance", standing_bot, "bot") is not None
    assert uids(cluster, standing_bot) == pods
    helm.install()
    assert caller_of(standing_bot).chat("Hello").status == 200
    assert uids(cluster, standing_bot) == pods


def generation(cluster: Cluster, namespace: str, name: str) -> int:
    found = cluster.get("Deployment", namespace, name)
    assert found is not None
    return int(found["metadata"]["generation"])


def uids(cluster: Cluster, namespace: str, selector: str = "") -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.list("Pod", namespace, selector)}
