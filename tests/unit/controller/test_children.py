"""The children that are not in every Instance: copies, volumes, and what comes and goes with the spec."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core.children import CHILD_KINDS
from gagarin.core.names import REVISION, SECRETS_REVISION, labels
from gagarin.core.objects import Key, Object, ObjectMap
from gagarin.core.resolve import resolve
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.controller.bench import Bench
from tests.unit.core import builders as b

SHARED = {"from": "All", "credentials": "Copy"}
INSTANCE = Key("Instance", "demo", "support")
CLAIM = Key("PersistentVolumeClaim", "demo", "support-data")
DEPLOYMENT = Key("Deployment", "demo", "support")


@pytest.fixture
def bench() -> Bench:
    """An Instance whose provider, and its key, are in another namespace."""
    bench = Bench()
    for item in (b.namespace("demo"), b.namespace("far"), b.secret(namespace="far")):
        bench.cluster.add(item)
    bench.cluster.add(b.provider("shared", namespace="far", apiKey=b.secret_ref(), allowedNamespaces=SHARED))
    reference = {"providerRef": {"name": "shared", "namespace": "far"}, "name": "gpt-5"}
    bench.cluster.add(b.agent(model=reference))
    bench.cluster.add(b.instance())
    return bench


def copies(bench: Bench) -> list[Key]:
    return [key for key in bench.cluster.objects if key.kind == "Secret" and key.namespace == "demo"]


def pod(bench: Bench) -> Key:
    metadata = {"namespace": "demo", "name": "support-1", "labels": labels("support")}
    bench.cluster.add({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {}})
    return Key("Pod", "demo", "support-1")


def persistent(retention: str = "Retain", **spec: Any) -> Object:
    history = {"type": "Persistent", "persistent": {"retention": retention}}
    return b.instance(history=history, **spec)


@pytest.fixture
def stored() -> Bench:
    """An Instance that keeps its conversations on a volume."""
    bench = Bench()
    for item in (b.namespace("demo"), b.provider(), b.agent(), persistent()):
        bench.cluster.add(item)
    return bench


async def test_a_secret_of_another_namespace_is_copied(bench: Bench) -> None:
    await bench.settle()
    (copy,) = copies(bench)
    assert bench.cluster.objects[copy]["data"] == b.secret()["data"]
    assert "data" not in (bench.store.get(copy) or {})
    assert await bench.settle() == []


async def test_a_rotated_original_changes_the_copy_and_tells_each_pod_once(bench: Bench) -> None:
    await bench.settle()
    (copy,) = copies(bench)
    running = pod(bench)
    assert await bench.settle() == []
    bench.cluster.time = "2030-01-01T00:05:00Z"
    bench.cluster.add(b.secret(namespace="far", key="bmV3"))
    assert await bench.settle() == [f"apply Secret {copy.name}", "patch Pod support-1"]
    assert bench.cluster.objects[copy]["data"] == {"key": "bmV3"}
    assert SECRETS_REVISION in bench.cluster.objects[running]["metadata"]["annotations"]
    assert await Bench(bench.cluster).settle() == []


async def test_a_withdrawn_permission_deletes_the_copies_and_stops_the_pods(bench: Bench) -> None:
    await bench.settle()
    bench.cluster.add(b.provider("shared", namespace="far", apiKey=b.secret_ref()))
    writes = await bench.settle()
    assert copies(bench) == []
    assert bench.live("Deployment", "support")["spec"]["replicas"] == 0
    assert bench.condition("Instance", "support", "ResolvedRefs")[1] == "RefNotPermitted"
    assert "patch Deployment support" in writes
    assert await bench.settle() == []


async def test_a_copy_that_is_not_wanted_lives_while_pods_may_mount_it(bench: Bench) -> None:
    await bench.settle()
    (copy,) = copies(bench)
    template = bench.live("Deployment", "support")["spec"]["template"]
    metadata = {"namespace": "demo", "name": "support-old", "labels": labels("support")}
    old: Object = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata}
    bench.cluster.add({**old, "spec": {"replicas": 1, "template": template}, "status": {"replicas": 1}})
    bench.cluster.add(b.provider())
    bench.cluster.add(b.agent())
    await bench.settle()
    assert copies(bench) == [copy]
    bench.cluster.add({**old, "spec": {"replicas": 0, "template": template}, "status": {"replicas": 0}})
    assert f"delete Secret {copy.name}" in await bench.settle()


async def test_while_an_instance_waits_to_roll_its_copies_and_its_size_follow(bench: Bench) -> None:
    await bench.settle()
    waiting = Bench(bench.cluster, rollouts=0)
    bench.cluster.add(b.agent(prompt="Be brief.", model=bench.live("Agent", "support")["spec"]["model"]))
    bench.cluster.add(b.secret(namespace="far", key="bmV3"))
    bench.cluster.add(b.instance(replicas=3, history={"type": "None"}))
    (copy,) = copies(bench)
    writes = [write for write in await waiting.settle() if "/status" not in write]
    assert writes == [f"apply Secret {copy.name}", "patch Deployment support"]
    assert bench.live("Deployment", "support")["spec"]["replicas"] == 3
    assert waiting.condition("Instance", "support")[1] == "RolloutPending"
    bench.cluster.add(b.instance(suspend=True))
    await waiting.settle()
    assert bench.live("Deployment", "support")["spec"]["replicas"] == 0


async def test_a_retained_volume_is_found_again_by_the_next_instance_of_its_name(stored: Bench) -> None:
    await stored.settle()
    claim = stored.cluster.objects[CLAIM]
    assert "ownerReferences" not in claim["metadata"]
    for key in [key for key in stored.cluster.objects if key.kind in CHILD_KINDS and key != CLAIM]:
        stored.cluster.remove(key)  # as garbage collection does
    stored.cluster.remove(INSTANCE)
    await stored.settle()
    again = persistent()
    again["metadata"]["uid"] = "uid-2"
    stored.cluster.add(again)
    writes = await stored.settle()
    assert "apply Deployment support" in writes
    assert not any("PersistentVolumeClaim" in write for write in writes)
    assert stored.cluster.objects[CLAIM] == claim


async def test_a_restored_volume_with_our_labels_is_taken_and_a_foreign_one_is_not(stored: Bench) -> None:
    metadata = {"namespace": "demo", "name": "support-data"}
    foreign: Object = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": {}}
    stored.cluster.add(foreign)
    await stored.settle()
    assert stored.condition("Instance", "support")[1] == "NameTaken"
    stored.cluster.add({**foreign, "metadata": {**metadata, "labels": labels("support")}})
    stored.timers.advance(30)
    assert "apply PersistentVolumeClaim support-data" in await stored.settle()
    assert stored.condition("Instance", "support")[1] != "NameTaken"


async def test_no_change_of_a_spec_removes_a_volume(stored: Bench) -> None:
    await stored.settle()
    stored.cluster.add(b.instance(history={"type": "None"}))
    await stored.settle()
    assert CLAIM in stored.cluster.objects


async def test_retention_can_be_changed_both_ways(stored: Bench) -> None:
    await stored.settle()
    stored.cluster.add(persistent("Delete"))
    await stored.settle()
    assert stored.cluster.objects[CLAIM]["metadata"]["ownerReferences"]
    assert await stored.settle() == []
    stored.cluster.add(persistent("Retain"))
    await stored.settle()
    assert not stored.cluster.objects[CLAIM]["metadata"].get("ownerReferences")
    assert await stored.settle() == []


async def test_children_that_are_no_longer_asked_for_are_deleted(stored: Bench) -> None:
    scaled: dict[str, Any] = {"autoscaling": {"min": 2, "max": 4}, "history": {"type": "None"}, "replicas": 2}
    stored.cluster.add(b.instance(**scaled))
    await stored.settle()
    assert stored.names("HorizontalPodAutoscaler") == ["support"]
    assert stored.names("PodDisruptionBudget") == ["support"]
    stored.cluster.add(b.instance(history={"type": "None"}))
    writes = await stored.settle()
    assert {"delete HorizontalPodAutoscaler support", "delete PodDisruptionBudget support"} <= set(writes)
    assert await stored.settle() == []


async def test_an_edited_child_of_every_kind_is_put_back(stored: Bench) -> None:
    scaled: dict[str, Any] = {"autoscaling": {"min": 2, "max": 4}, "history": {"type": "None"}, "replicas": 2}
    stored.cluster.add(b.instance(**scaled))
    await stored.settle()
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"):
        key = Key(kind, "demo", stored.names(kind)[0])
        before = stored.cluster.objects[key]["spec"]
        stored.cluster.edit(key, ("spec",), {"edited": True})
        assert await stored.settle() == [f"apply {kind} {key.name}"]
        assert stored.cluster.objects[key]["spec"].items() >= before.items()


async def test_in_a_namespace_that_is_being_deleted_nothing_is_made(stored: Bench) -> None:
    await stored.settle()
    stored.cluster.edit(
        Key("Namespace", "", "demo"), ("metadata", "deletionTimestamp"), "2030-01-01T00:00:00Z"
    )
    stored.cluster.remove(DEPLOYMENT)
    assert await stored.settle() == []


async def test_the_child_of_another_living_instance_is_taken_by_name(stored: Bench) -> None:
    other = stored.cluster.add(b.instance("other", suspend=True))
    owner = {"kind": "Instance", "name": "other", "uid": other["metadata"]["uid"], "controller": True}
    metadata = {"namespace": "demo", "name": "support", "ownerReferences": [owner]}
    stored.cluster.add({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {}})
    await stored.settle()
    assert stored.condition("Instance", "support")[1] == "NameTaken"


async def test_a_change_of_the_operators_settings_reaches_the_children(stored: Bench) -> None:
    await stored.settle()
    before = stored.live("Deployment", "support")["spec"]["template"]["metadata"]["labels"][REVISION]
    stored.settings = type(stored.settings)(image="chat:2")
    stored.plans.clear()
    stored.queue.add(INSTANCE)
    await stored.settle()
    template = stored.live("Deployment", "support")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "chat:2"
    assert template["metadata"]["labels"][REVISION] != before


async def test_what_is_kept_in_memory_is_enough_for_the_status() -> None:
    """The store keeps less than the API server has: with the whole objects, everything comes out the same."""
    bench = Bench(FakeCluster())
    for item in (b.namespace("demo"), b.provider(), b.agent(), b.instance()):
        bench.cluster.add(item)
    await bench.settle()
    kept = bench.store.get(DEPLOYMENT) or {}
    assert "containers" not in str(kept)
    assert kept["spec"]["replicas"] == 1
    assert bench.store.mounts(DEPLOYMENT) >= {Key("ConfigMap", "demo", bench.names("ConfigMap")[0])}
    resolution = resolve(bench.live("Instance", "support"), ObjectMap(list(bench.cluster.objects.values())))
    assert resolution.resolved is not None
