"""What the operator does to a cluster: every write counts."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core.children import CHILD_KINDS
from gagarin.core.names import REVISION, SECRETS_REVISION, labels
from gagarin.core.objects import Key, Object
from gagarin.kube.errors import Forbidden, Invalid, KubeError, NotFound, Unavailable
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.controller.bench import Bench
from tests.unit.core import builders as b

DEPLOYMENT = Key("Deployment", "demo", "support")
SERVICE = Key("Service", "demo", "support")
SECRET = Key("Secret", "demo", "openai")
FRESH = [
    "apply ServiceAccount support-agent",
    "apply RoleBinding support-agent",
    "apply NetworkPolicy support",
    "apply Service support",
    "apply Deployment support",
    "apply Instance/status support",
]


@pytest.fixture
def bench() -> Bench:
    """A provider with a key, and an agent. The instances are each test's own."""
    bench = Bench()
    bench.cluster.add(b.namespace("demo"))
    bench.cluster.add(b.secret())
    bench.cluster.add(b.provider(apiKey=b.secret_ref()))
    bench.cluster.add(b.agent())
    return bench


def rolled_out(bench: Bench, name: str = "support") -> None:
    """What the Deployment controller and a kubelet do: one pod of the newest revision runs."""
    key = Key("Deployment", "demo", name)
    deployment = bench.cluster.objects[key]
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    status = {"observedGeneration": deployment["metadata"]["generation"], **counts}
    template = deployment["spec"]["template"]
    bench.cluster.edit(key, ("status",), status)
    revision = template["metadata"]["labels"][REVISION]
    for each in bench.names("ReplicaSet"):
        if each.startswith(f"{name}-"):
            bench.cluster.edit(Key("ReplicaSet", "demo", each), ("spec", "replicas"), 0)
            bench.cluster.edit(Key("ReplicaSet", "demo", each), ("status",), {"replicas": 0})
    metadata = {"namespace": "demo", "labels": {**labels(name), REVISION: revision}}
    bench.cluster.add(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {**metadata, "name": f"{name}-{revision}"},
            "spec": {"replicas": 1, "template": template},
            "status": {"replicas": 1, "availableReplicas": 1},
        }
    )


def pod(bench: Bench, name: str = "support-1") -> Key:
    bench.cluster.add(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": "demo", "name": name, "labels": labels("support")},
            "status": {"phase": "Running"},
        }
    )
    return Key("Pod", "demo", name)


async def test_a_fresh_instance_costs_its_children_and_two_statuses(bench: Bench) -> None:
    await bench.settle()
    bench.cluster.add(b.instance())
    writes = await bench.settle()
    config = bench.names("ConfigMap")
    assert sorted(writes) == sorted([*FRESH, f"apply ConfigMap {config[0]}"])
    assert bench.condition("Instance", "support")[:2] == ("False", "RollingOut")
    rolled_out(bench)
    assert await bench.settle() == ["apply Instance/status support"]
    assert bench.condition("Instance", "support")[:2] == ("True", "Ready")


async def test_the_deployment_comes_after_what_its_pods_need(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    writes = await bench.settle()
    applied = [write for write in writes if write.startswith("apply") and "/status" not in write]
    assert applied[-1] == "apply Deployment support"


async def test_children_belong_to_their_instance(bench: Bench) -> None:
    uid = bench.cluster.add(b.instance())["metadata"]["uid"]
    await bench.settle()
    for key, item in bench.cluster.objects.items():
        if key.kind in CHILD_KINDS and key != SECRET:
            (owner,) = item["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"], owner["controller"]) == ("Instance", uid, True)


async def test_at_rest_and_after_a_restart_nothing_is_written(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    assert await bench.settle() == []
    for key in list(bench.cluster.objects):
        bench.queue.add(key) if key.kind in ("Instance", "Agent", "Provider") else None
    assert await bench.settle() == []
    assert await Bench(bench.cluster).settle() == []


async def test_passing_changes_of_a_starting_pod_are_held_back(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.edit(
        DEPLOYMENT, ("status",), {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
    )
    assert await bench.settle() == []
    bench.timers.advance(10)
    assert await bench.settle() == ["apply Instance/status support"]
    assert bench.live("Instance", "support")["status"]["replicas"] == 1


async def test_a_missing_reference_is_a_condition_that_mends_itself(bench: Bench) -> None:
    bench.cluster.remove(Key("Provider", "demo", "openai"))
    bench.cluster.add(b.instance())
    writes = await bench.settle()
    status, reason, message = bench.condition("Instance", "support", "ResolvedRefs")
    assert (status, reason) == ("False", "RefNotFound")
    assert "openai" in message
    assert bench.names("Deployment") == []
    assert sorted(writes) == ["apply Agent/status support", "apply Instance/status support"]
    assert ("Instance support", "RefNotFound") in bench.told
    bench.cluster.add(b.provider())
    await bench.settle()
    assert bench.condition("Instance", "support", "ResolvedRefs")[0] == "True"
    assert bench.names("Deployment") == ["support"]


async def test_a_secret_that_appears_later_is_found(bench: Bench) -> None:
    bench.cluster.remove(Key("Secret", "demo", "openai"))
    bench.cluster.add(b.instance())
    await bench.settle()
    assert bench.condition("Instance", "support", "ResolvedRefs")[1] == "RefNotFound"
    bench.cluster.add(b.secret())
    await bench.settle()
    assert bench.condition("Instance", "support", "ResolvedRefs")[0] == "True"


async def test_a_deleted_child_is_made_again(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.remove(SERVICE)
    assert await bench.settle() == ["apply Service support"]


async def test_an_edited_child_is_put_back(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    wanted = bench.live("Deployment", "support")["spec"]["replicas"]
    bench.cluster.edit(DEPLOYMENT, ("spec", "replicas"), 7)
    assert "apply Deployment support" in await bench.settle()
    assert bench.live("Deployment", "support")["spec"]["replicas"] == wanted


async def test_a_removed_label_is_put_back(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.edit(SERVICE, ("metadata", "labels"), None)
    assert await bench.settle() == ["apply Service support", "apply Service support"]
    assert bench.live("Service", "support")["metadata"]["labels"] == labels("support")


async def test_a_lost_owner_is_put_back(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.edit(SERVICE, ("metadata", "ownerReferences"), None)
    assert await bench.settle() == ["apply Service support"]
    assert bench.live("Service", "support")["metadata"]["ownerReferences"]


async def test_fields_that_are_not_ours_are_left_alone(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.edit(DEPLOYMENT, ("metadata", "annotations", "team"), "a")
    assert await bench.settle() == []


async def test_a_fight_slows_down_and_is_told(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    rolled_out(bench)
    await bench.settle()
    for _ in range(3):
        bench.cluster.edit(SERVICE, ("metadata", "labels", "app.kubernetes.io/name"), "theirs")
        bench.timers.advance(5)
        await bench.settle()
    assert bench.condition("Instance", "support")[1] == "Conflicted"
    bench.cluster.edit(SERVICE, ("metadata", "labels", "app.kubernetes.io/name"), "theirs")
    assert await bench.settle() == []
    bench.timers.advance(5)
    assert await bench.settle() == ["apply Service support"]
    assert bench.condition("Instance", "support")[1] == "Conflicted"  # until it is seen to last
    bench.timers.advance(9)
    assert await bench.settle() == ["apply Instance/status support"]
    assert bench.condition("Instance", "support")[1] == "Ready"


async def test_who_deletes_a_child_again_and_again_is_fought_no_more_than_who_edits_it(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    writes = 0
    for _ in range(60):
        if SERVICE in bench.cluster.objects:
            bench.cluster.remove(SERVICE)
        writes += (await bench.settle()).count("apply Service support")
        bench.timers.advance(1)
    assert writes == 1 + 5  # at once, and then after 1, 2, 4, 8, 16 seconds
    assert bench.condition("Instance", "support")[1] == "Conflicted"


async def test_an_admission_plugin_that_changes_children_starts_no_loop() -> None:
    class MeddlingCluster(FakeCluster):
        """Takes away our mark, and puts in something else with every request."""

        async def apply(self, item: Object, **options: Any) -> Object:
            if item["kind"] == "Service":
                annotations = {"seen": str(len(self.writes))}
                item = {**item, "metadata": {**item["metadata"], "annotations": annotations}}
            return await super().apply(item, **options)

    bench = Bench(MeddlingCluster())
    for item in (b.namespace("demo"), b.provider(), b.agent(), b.instance()):
        bench.cluster.add(item)
    writes = await bench.settle()
    assert writes.count("apply Service support") == 1
    bench.timers.advance(1000)
    assert await bench.settle() == []


async def test_a_child_that_is_fought_over_keeps_no_other_from_its_place(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    for _ in range(5):
        bench.cluster.remove(SERVICE) if SERVICE in bench.cluster.objects else None
        await bench.settle()
    bench.cluster.add(b.instance(replicas=0))
    assert "apply Deployment support" in await bench.settle()


async def test_a_foreign_object_is_never_taken_over(bench: Bench) -> None:
    foreign = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "demo", "name": "support"}}
    bench.cluster.add({**foreign, "spec": {"ports": []}})
    before = bench.live("Service", "support")
    bench.cluster.add(b.instance())
    await bench.settle()
    assert bench.live("Service", "support") == before
    status, reason, message = bench.condition("Instance", "support")
    assert (status, reason) == ("False", "NameTaken")
    assert "Service demo/support" in message
    bench.timers.advance(30)
    assert await bench.settle() == []  # it looks, and does not write
    bench.cluster.remove(SERVICE)
    bench.timers.advance(30)
    assert "apply Service support" in await bench.settle()
    assert bench.condition("Instance", "support")[1] == "RollingOut"


async def test_children_of_a_former_instance_are_waited_for(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.remove(Key("Instance", "demo", "support"))
    await bench.settle()
    recreated = b.instance()
    recreated["metadata"]["uid"] = "uid-2"
    bench.cluster.add(recreated)
    assert await bench.settle() == ["apply Instance/status support"]
    for key in [key for key in bench.cluster.objects if key.kind in CHILD_KINDS and key != SECRET]:
        bench.cluster.remove(key)  # as garbage collection does
    assert "apply Deployment support" in await bench.settle()


async def test_a_child_is_not_made_again_for_an_instance_that_is_gone(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    del bench.cluster.objects[Key("Instance", "demo", "support")]  # and no watch told us
    bench.cluster.remove(SERVICE)
    bench.intake.gone(SERVICE, 10_000)
    await bench.work()
    assert bench.names("Service") == []
    assert bench.store.get(Key("Instance", "demo", "support")) is None


async def test_an_edited_agent_rolls_its_instances_and_no_other(bench: Bench) -> None:
    bench.cluster.add(b.agent("other"))
    bench.cluster.add(b.instance("first"))
    bench.cluster.add(b.instance("second"))
    bench.cluster.add(b.instance("third", agentRef={"name": "other"}))
    await bench.settle()
    bench.cluster.add(b.agent(prompt="Be brief."))
    writes = await bench.settle()
    assert sum(write.startswith("apply ConfigMap") for write in writes) == 2
    assert sorted(write for write in writes if "Deployment" in write) == [
        "apply Deployment first",
        "apply Deployment second",
    ]
    assert not any("third" in write for write in writes)


async def test_an_edit_that_changes_nothing_writes_nothing(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.edit(Key("Agent", "demo", "support"), ("metadata", "labels"), {"team": "a"})
    bench.cluster.edit(Key("Secret", "demo", "openai"), ("metadata", "labels"), {"team": "a"})
    assert await bench.settle() == []


async def test_an_old_configuration_lives_while_pods_use_it(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    rolled_out(bench)
    (old,) = bench.names("ConfigMap")
    bench.cluster.add(b.agent(prompt="Be brief."))
    await bench.settle()
    assert len(bench.names("ConfigMap")) == 2
    rolled_out(bench)
    assert f"delete ConfigMap {old}" in await bench.settle()
    assert len(bench.names("ConfigMap")) == 1


async def test_a_rotated_secret_nudges_older_pods_once_and_rolls_nothing(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    running = pod(bench)
    assert await bench.settle() == []
    bench.cluster.time = "2030-01-01T00:05:00Z"
    bench.cluster.add(b.secret(key="bmV3"))
    assert await bench.settle() == ["patch Pod support-1"]
    assert SECRETS_REVISION in bench.cluster.objects[running]["metadata"]["annotations"]
    bench.cluster.time = "2030-01-01T00:06:00Z"
    pod(bench, "support-2")  # made after the rotation: it has the new key
    assert await bench.settle() == []
    assert await Bench(bench.cluster).settle() == []


async def test_a_withdrawn_permission_stops_the_pods(bench: Bench) -> None:
    shared = {"from": "All", "credentials": "Copy"}
    bench.cluster.add(b.namespace("far"))
    bench.cluster.add(b.provider("shared", namespace="far", allowedNamespaces=shared))
    reference = {"providerRef": {"name": "shared", "namespace": "far"}, "name": "gpt-5"}
    bench.cluster.add(b.agent(model=reference))
    bench.cluster.add(b.instance())
    await bench.settle()
    assert bench.live("Deployment", "support")["spec"]["replicas"] == 1
    bench.cluster.add(b.provider("shared", namespace="far"))
    assert "patch Deployment support" in await bench.settle()
    assert bench.live("Deployment", "support")["spec"]["replicas"] == 0
    assert bench.condition("Instance", "support", "ResolvedRefs")[1] == "RefNotPermitted"
    bench.cluster.add(b.provider("shared", namespace="far", allowedNamespaces=shared))
    await bench.settle()
    assert bench.live("Deployment", "support")["spec"]["replicas"] == 1


async def test_a_shared_change_is_spread(bench: Bench) -> None:
    spread = Bench(bench.cluster, rollouts=2)
    names = [f"i{number}" for number in range(5)]
    for name in names:
        bench.cluster.add(b.instance(name))
    await spread.settle()
    for name in names:
        rolled_out(bench, name)
    await spread.settle()
    bench.cluster.add(b.agent(prompt="Be brief."))
    seen = []
    for _ in range(3):
        writes = await spread.settle()
        rolling = [write.split()[-1] for write in writes if write.startswith("apply Deployment")]
        seen.append(len(rolling))
        for name in rolling:
            rolled_out(bench, name)
    assert seen == [2, 2, 1]
    await spread.settle()
    assert (spread.rollouts.rolling, spread.rollouts.waiting) == (0, 0)


async def test_waiting_for_a_rollout_is_told(bench: Bench) -> None:
    spread = Bench(bench.cluster, rollouts=1)
    for name in ("one", "two"):
        bench.cluster.add(b.instance(name))
    await spread.settle()
    for name in ("one", "two"):
        rolled_out(bench, name)
    await spread.settle()
    bench.cluster.add(b.agent(prompt="Be brief."))
    await spread.settle()
    reasons = {name: spread.condition("Instance", name)[1:] for name in ("one", "two")}
    assert {reason for reason, _ in reasons.values()} == {"RollingOut", "RolloutPending"}
    assert any("waits for its turn" in message for _, message in reasons.values())


async def test_one_that_is_being_deleted_gives_its_turn_to_the_next(bench: Bench) -> None:
    spread = Bench(bench.cluster, rollouts=1)
    for name in ("one", "two"):
        bench.cluster.add(b.instance(name))
    await spread.settle()
    for name in ("one", "two"):
        rolled_out(bench, name)
    await spread.settle()
    bench.cluster.add(b.agent(prompt="Be brief."))
    await spread.settle()
    reasons = {name: spread.condition("Instance", name)[1] for name in ("one", "two")}
    (rolling,) = [name for name, reason in reasons.items() if reason == "RollingOut"]
    ending = ("metadata", "deletionTimestamp"), "2030-01-01T00:00:00Z"
    bench.cluster.edit(Key("Instance", "demo", rolling), *ending)
    (waiting,) = {"one", "two"} - {rolling}
    assert f"apply Deployment {waiting}" in await spread.settle()


@pytest.mark.parametrize(
    "refusal", [Invalid("spec.ports: too many", status=422), Forbidden("exceeded quota", status=403)]
)
async def test_a_refused_child_is_a_condition_with_the_servers_words(
    bench: Bench, refusal: KubeError
) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.remove(SERVICE)
    bench.cluster.failing = [refusal]
    await bench.settle()
    status, reason, message = bench.condition("Instance", "support")
    assert (status, reason) == ("False", "ApplyFailed")
    assert message == f"Service demo/support was refused: {refusal}"
    bench.timers.advance(300)
    await bench.settle()
    assert bench.condition("Instance", "support")[1] == "RollingOut"


async def test_a_failure_of_the_cluster_is_raised_and_leaves_nothing_half_known(bench: Bench) -> None:
    item: Object = bench.cluster.add(b.instance())
    assert item
    bench.cluster.failing = [Unavailable("down")] * 3
    with pytest.raises(Unavailable):
        await bench.settle()
    bench.cluster.failing = []
    for kind, name in (("Instance", "support"), ("Agent", "support"), ("Provider", "openai")):
        bench.queue.add(Key(kind, "demo", name))
    await bench.settle()
    assert bench.names("Deployment") == ["support"]
    assert bench.condition("Provider", "openai")[1] == "Ready"


async def test_an_instance_that_is_being_deleted_is_left_to_garbage_collection(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.edit(
        Key("Instance", "demo", "support"), ("metadata", "deletionTimestamp"), "2030-01-01T00:00:00Z"
    )
    bench.cluster.remove(SERVICE)
    assert await bench.settle() == []


async def test_events_tell_transitions_and_nothing_twice(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    rolled_out(bench)
    await bench.settle()
    await bench.settle()
    told = [reason for about, reason in bench.told if about == "Instance support"]
    assert told == ["RollingOut", "Ready"]


async def test_a_tool_is_resolved(bench: Bench) -> None:
    bench.cluster.add(b.tool())
    await bench.settle()
    assert bench.condition("Tool", "search", "Accepted")[2]


async def test_the_namespace_is_read_and_other_peoples_objects_are_not(bench: Bench) -> None:
    bench.cluster.add(b.secret("unrelated"))
    bench.cluster.add(b.config_map("unrelated", {"a": "b"}))
    bench.cluster.add(b.instance())
    await bench.settle()
    assert "get Secret openai" in bench.cluster.reads
    assert not any("unrelated" in read for read in bench.cluster.reads)
    assert bench.store.get(Key("Secret", "demo", "unrelated")) is None


async def test_a_secret_that_nobody_refers_to_any_more_is_forgotten_and_can_return(bench: Bench) -> None:
    key = Key("Secret", "demo", "openai")
    bench.cluster.add(b.instance())
    await bench.settle()
    bench.cluster.add(b.provider())
    await bench.settle()
    bench.referents.sweep()
    assert bench.store.get(key) is None
    bench.cluster.add(b.provider(apiKey=b.secret_ref()))
    await bench.settle()
    assert bench.store.get(key) is not None
    assert bench.condition("Provider", "openai", "ResolvedRefs")[0] == "True"


async def test_a_pod_that_vanishes_while_it_is_told_is_no_failure(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    pod(bench)
    bench.cluster.time = "2030-01-01T00:05:00Z"
    bench.cluster.add(b.secret(key="bmV3"))
    bench.cluster.failing = [NotFound("gone", status=404)]
    assert "patch Pod support-1" in await bench.settle()


async def test_a_resource_that_vanishes_while_its_status_is_written_is_no_failure(bench: Bench) -> None:
    await bench.settle()
    bench.cluster.add(b.tool())
    bench.cluster.failing = [NotFound("gone", status=404)]
    await bench.settle()
    bench.queue.add(Key("Tool", "demo", "search"))
    await bench.settle()
    assert bench.condition("Tool", "search", "Accepted")[0]


async def test_a_child_that_somebody_else_deletes_first_is_no_failure(bench: Bench) -> None:
    bench.cluster.add(b.instance())
    await bench.settle()
    rolled_out(bench)
    bench.cluster.add(b.agent(prompt="Be brief."))
    await bench.settle()
    rolled_out(bench)
    await bench.settle()
    (kept,) = bench.names("ConfigMap")
    stale = dict(bench.live("ConfigMap", kept))
    stale["metadata"] = {**stale["metadata"], "name": "support-old"}
    bench.cluster.add(stale)
    bench.cluster.failing = [NotFound("gone", status=404)]
    assert await bench.settle() == ["delete ConfigMap support-old"]


async def test_what_was_found_of_an_older_spec_is_not_told_of_a_newer_one() -> None:
    class BusyCluster(FakeCluster):
        """Somebody edits the Instance while its children are applied."""

        async def apply(self, item: Object, **options: Any) -> Object:
            if item["kind"] == "Deployment" and not edited:
                edited.append(bench.cluster.add(b.instance(title="Newer")))
                bench.intake.seen(edited[0])
            return await super().apply(item, **options)

    edited: list[Object] = []
    bench = Bench(BusyCluster())
    for item in (b.namespace("demo"), b.provider(), b.agent(), b.instance()):
        bench.cluster.add(item)
    writes = await bench.settle()
    assert sum(write == "apply Instance/status support" for write in writes) == 1
    assert bench.live("Instance", "support")["status"]["observedGeneration"] == 2
