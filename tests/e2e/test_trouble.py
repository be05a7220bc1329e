"""Instances that cannot run say why in words of their own, and programs that wait read it right."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e import kstatus, resources, trouble
from tests.e2e.caller import ClientPod
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import OPERATOR, SYSTEM, condition, is_ready, temporary_namespace
from tests.e2e.trouble import TROUBLES, Troubled


@pytest.fixture(scope="module", autouse=True)
def troubled(cluster: Cluster, client_pod: ClientPod) -> Iterator[Troubled]:
    """Instances that cannot run, made before all tests here and looked at by the last: some of the reasons
    take a minute to show."""
    with temporary_namespace(cluster) as namespace, temporary_namespace(cluster) as full:
        yield trouble.make(cluster, namespace, full)
        cluster.delete("PersistentVolume", "", trouble.volume_name(namespace))


def test_what_runs_rests_or_rolls_is_not_taken_for_a_failure(
    cluster: Cluster, standing_bot: str, namespace: str
) -> None:
    cluster.apply(resources.agent(namespace), resources.instance(namespace, "resting", suspend=True))
    cluster.apply(resources.instance(namespace, "rolling"))
    read = partial(cluster.get, "Instance", namespace)
    rolling = eventually("it rolls", partial(read, "rolling"), lambda item: condition(item, "Reconciling"))
    resting = eventually(
        "it rests",
        partial(read, "resting"),
        lambda item: condition(item, "Ready").get("reason") == "Suspended",
    )
    ready = cluster.get("Instance", standing_bot, "bot")
    assert kstatus.statuses(present(ready, resting, rolling)) == ["Current", "Current", "InProgress"]
    after = eventually("it is Ready", partial(read, "rolling"), is_ready)
    assert kstatus.statuses(present(after)) == ["Current"]


def test_what_nobody_has_looked_at_yet_is_not_taken_for_current(cluster: Cluster, standing_bot: str) -> None:
    item = cluster.get("Instance", standing_bot, "bot")
    assert item is not None
    item["metadata"]["generation"] += 1
    assert kstatus.statuses([item | {"status": {"observedGeneration": -1}}, item]) == ["InProgress"] * 2


def present(*items: Object | None) -> list[Object]:
    return [item for item in items if item is not None]


def test_a_namespace_can_be_deleted_under_an_instance(cluster: Cluster) -> None:
    operators = restarts(cluster)
    # The namespace controller looks again after half of the time that pods may take to end: 300 s and more
    # unless the agent says so.
    brief = {"requestTimeout": "5s"}
    with temporary_namespace(cluster) as name:
        cluster.apply(resources.agent(name, limits=brief), resources.instance(name))
        eventually("Instance bot is Ready", lambda: cluster.get("Instance", name, "bot"), is_ready)
    eventually("the namespace is gone", lambda: cluster.get("Namespace", "", name), lambda left: left is None)
    assert restarts(cluster) == operators


def restarts(cluster: Cluster) -> dict[str, int]:
    """How often each operator pod has been started again."""
    pods = cluster.list("Pod", SYSTEM, OPERATOR)
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}


@pytest.mark.parametrize("name", TROUBLES)
def test_the_reason_why_an_instance_does_not_run_is_told(
    cluster: Cluster, troubled: Troubled, name: str
) -> None:
    one, read = TROUBLES[name], partial(cluster.get, "Instance", troubled.namespaces[name], name)
    item = eventually(
        f"{name} is told as {one.reason}",
        read,
        lambda found: condition(found, "Ready").get("reason") == one.reason,
        timeout=120,
    )
    assert item is not None
    assert condition(item, "Ready")["status"] == "False"
    assert condition(item, "Stalled")["reason"] == one.reason
    assert not condition(item, "Reconciling")
    for word in one.words:
        assert word in condition(item, "Ready")["message"]
    assert kstatus.statuses([item]) == ["Failed"]
