"""What the operator does on a real node: mistakes named, drift undone, everything gone in the end."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.e2e import kstatus, resources
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import OPERATOR, SYSTEM, CallerOf, condition, is_ready

CHILDREN = ("ServiceAccount", "RoleBinding", "ConfigMap", "Deployment", "Service", "ReplicaSet", "Pod")


def test_a_missing_provider_is_named_and_mended_by_creating_it(
    cluster: Cluster, namespace: str, caller_of: CallerOf
) -> None:
    cluster.apply(resources.agent(namespace, provider="absent"), resources.instance(namespace))
    told = eventually(
        "the condition names the provider",
        lambda: condition(cluster.get("Instance", namespace, "bot"), "ResolvedRefs"),
        lambda found: found.get("reason") == "RefNotFound",
    )
    assert "absent" in told["message"]
    eventually("an Event names it", lambda: events_of(cluster, namespace, "bot"), mentions("absent"))
    cluster.apply(resources.provider(namespace, "absent"))
    eventually("the Instance is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    assert caller_of(namespace).chat("Hello").status == 200


def events_of(cluster: Cluster, namespace: str, name: str) -> list[Object]:
    found = cluster.list("Event", namespace)
    return [event for event in found if event["involvedObject"]["name"] == name]


def mentions(text: str) -> Any:
    return lambda events: any(text in event["message"] for event in events)


def test_a_child_deleted_by_hand_is_made_again(cluster: Cluster, bot: str, caller_of: CallerOf) -> None:
    for kind, name in (("Service", "bot"), ("Deployment", "bot"), ("RoleBinding", "bot-agent")):
        old = cluster.get(kind, bot, name)
        assert old is not None, f"there is no {kind} {name}"
        cluster.delete(kind, bot, name)
        eventually(
            f"a new {kind}",
            partial(cluster.get, kind, bot, name),
            partial(replaces, old),
        )
    eventually("the Instance is Ready", lambda: cluster.get("Instance", bot, "bot"), is_ready)
    assert caller_of(bot).chat("Hello").status == 200


def replaces(old: Object, new: Object | None) -> bool:
    return bool(new and new["metadata"]["uid"] != old["metadata"]["uid"])


def test_a_child_edited_by_hand_is_put_back(cluster: Cluster, bot: str) -> None:
    cluster.patch("Deployment", bot, "bot", {"spec": {"replicas": 3}})
    cluster.patch("Service", bot, "bot", {"spec": {"selector": {"gagarin.fyodorov.ai/instance": "other"}}})
    eventually("one replica", lambda: cluster.get("Deployment", bot, "bot"), has_one_replica)
    eventually(
        "the Service selects the Instance's pods",
        lambda: cluster.get("Service", bot, "bot"),
        lambda it: it and it["spec"]["selector"] == {"gagarin.fyodorov.ai/instance": "bot"},
    )


def has_one_replica(deployment: Object | None) -> bool:
    return bool(deployment and deployment["spec"]["replicas"] == 1)


def test_a_revision_that_cannot_be_scheduled_is_told_while_the_old_pod_serves(
    cluster: Cluster, bot: str, caller_of: CallerOf
) -> None:
    serving = (cluster.get("Instance", bot, "bot") or {})["status"]["servingRevision"]
    unschedulable = {"nodeSelector": {"no-such-label": "here"}}
    cluster.apply(resources.instance(bot, pod=unschedulable))
    eventually(
        "Ready is False with the scheduler's reason",
        lambda: condition(cluster.get("Instance", bot, "bot"), "Ready"),
        lambda ready: ready.get("status") == "False" and "node" in ready["message"].lower(),
    )
    item = cluster.get("Instance", bot, "bot")
    assert item is not None
    assert item["status"]["servingRevision"] == serving
    assert kstatus.statuses([item]) == ["Failed"]
    assert caller_of(bot).chat("Hello").status == 200


def test_nothing_is_left_of_a_deleted_instance(cluster: Cluster, bot: str) -> None:
    cluster.delete("Instance", bot, "bot")
    eventually("nothing is left", lambda: children(cluster, bot), lambda left: not left)


def children(cluster: Cluster, namespace: str) -> list[str]:
    selector = "gagarin.fyodorov.ai/instance=bot"
    found = ((kind, item) for kind in CHILDREN for item in cluster.list(kind, namespace, selector))
    return [f"{kind} {item['metadata']['name']}" for kind, item in found]


@pytest.mark.alone
def test_everything_converges_when_the_operator_is_killed_amid_twenty_applies(
    cluster: Cluster, namespace: str
) -> None:
    names = [f"bot-{number}" for number in range(20)]
    cluster.apply(resources.agent(namespace))
    for number, name in enumerate(names):
        cluster.apply(resources.instance(namespace, name))
        if number == len(names) // 2:
            kill_operators(cluster)
    for name in names:
        eventually(
            f"{name} is Ready",
            partial(cluster.get, "Instance", namespace, name),
            is_ready,
            timeout=180,
        )


def kill_operators(cluster: Cluster) -> None:
    for pod in cluster.list("Pod", SYSTEM, OPERATOR):
        cluster.delete("Pod", SYSTEM, pod["metadata"]["name"], grace_seconds=0)
