"""What becomes of conversations when pods, and Instances, go away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import postgres
from tests.e2e import resources
from tests.e2e.caller import Caller
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import CallerOf, is_ready

PODS = "gagarin.fyodorov.ai/instance=bot"
CLAIM = "bot-data"


@pytest.fixture(scope="session")
def database(cluster: Cluster) -> Iterator[str]:
    """The URL of a PostgreSQL on this machine, at the address by which the cluster's pods reach it."""
    (node, *_) = cluster.list("Node", "")
    addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((addresses["InternalIP"], 1))  # sends nothing, but chooses the way there
        address = probe.getsockname()[0]
    with postgres.server(address) as url:
        yield url


def persistent(retention: str) -> Object:
    return {"type": "Persistent", "persistent": {"size": "64Mi", "retention": retention}}


def make_ready(cluster: Cluster, namespace: str, **spec: Any) -> None:
    cluster.apply(resources.agent(namespace), resources.instance(namespace, **spec))
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)


def goes_on(caller: Caller, conversation: str, messages: int) -> None:
    """Says one more thing in a conversation that has so many messages by now."""
    answer = caller.chat("Do you remember?", conversation)
    assert answer.status == 200, answer
    assert f"{messages} earlier messages" in answer.json["answer"]


def delete_instance(cluster: Cluster, namespace: str) -> None:
    cluster.delete("Instance", namespace, "bot")
    eventually("its pods are gone", lambda: cluster.list("Pod", namespace, PODS), lambda pods: not pods)


def test_a_retained_conversation_survives_pod_rollout_and_instance(
    cluster: Cluster, namespace: str, caller_of: CallerOf
) -> None:
    make_ready(cluster, namespace, history=persistent("Retain"))
    caller = caller_of(namespace)
    conversation = caller.chat("Hello").json["conversation"]

    (pod,) = cluster.list("Pod", namespace, PODS)
    cluster.delete("Pod", namespace, pod["metadata"]["name"])
    eventually("another pod", lambda: names(cluster, namespace), lambda now: now.isdisjoint(names_of([pod])))
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    goes_on(caller, conversation, 2)

    make_ready(cluster, namespace, history=persistent("Retain"), overrides={"prompt": "Be verbose."})
    goes_on(caller, conversation, 4)
    deployment = cluster.get("Deployment", namespace, "bot")
    assert deployment is not None
    assert deployment["spec"]["strategy"]["type"] == "Recreate"

    delete_instance(cluster, namespace)
    claim = cluster.get("PersistentVolumeClaim", namespace, CLAIM)
    assert claim is not None
    make_ready(cluster, namespace, history=persistent("Retain"))
    goes_on(caller_of(namespace), conversation, 6)


def names(cluster: Cluster, namespace: str) -> set[str]:
    return names_of(cluster.list("Pod", namespace, PODS))


def names_of(pods: list[Object]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def test_with_retention_delete_the_volume_goes_with_the_instance(cluster: Cluster, namespace: str) -> None:
    make_ready(cluster, namespace, history=persistent("Delete"))
    claim = cluster.get("PersistentVolumeClaim", namespace, CLAIM)
    assert claim is not None
    volume = claim["spec"]["volumeName"]
    delete_instance(cluster, namespace)
    eventually(
        "the claim is gone",
        lambda: cluster.get("PersistentVolumeClaim", namespace, CLAIM),
        lambda left: left is None,
    )
    eventually(
        "the volume is gone", lambda: cluster.get("PersistentVolume", "", volume), lambda left: left is None
    )


def test_two_replicas_share_conversations_in_postgresql_and_answer_them_in_order(
    cluster: Cluster, namespace: str, caller_of: CallerOf, database: str
) -> None:
    kept = {"type": "Postgres", "postgres": {"secretKeyRef": {"name": "database", "key": "url"}}}
    cluster.apply(resources.secret(namespace, "database", database, key="url"))
    make_ready(cluster, namespace, history=kept, replicas=2)
    caller = caller_of(namespace)
    conversation = caller.chat("Hello").json["conversation"]
    # Each request is a connection of its own, so that the Service spreads them over both pods.
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: caller.chat("And again", conversation), range(6)))
    assert [answer.status for answer in answers] == [200] * 6
    seen = sorted(answer.json["answer"].split("I was sent ")[1].split(" ")[0] for answer in answers)
    assert seen == sorted(str(2 * count) for count in range(1, 7))
