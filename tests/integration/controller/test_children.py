"""The children that an Instance has only when it asks for them, on a real API server."""

from __future__ import annotations

import time
from functools import partial

from gagarin.core.names import SECRETS_REVISION
from gagarin.core.objects import Object
from gagarin.kube.resources import (
    AGENT,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    INSTANCE,
    NAMESPACE,
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    PROVIDER,
    SECRET,
    Resource,
)
from tests.integration.controller.world import World

STATELESS = {"type": "None"}


def replicas(world: World) -> int:
    return int((world.get(DEPLOYMENT, "helper") or {"spec": {"replicas": -1}})["spec"]["replicas"])


def test_who_sets_the_scale_of_an_instance_sets_its_number_of_pods(world: World) -> None:
    world.start()
    world.apply(*world.quickstart()[:-1])
    world.apply(world.instance(history=STATELESS, autoscaling={"min": 1, "max": 5}))
    world.make_ready("helper")
    target = (world.get(HORIZONTAL_POD_AUTOSCALER, "helper") or {})["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Instance", "helper")
    path = INSTANCE.path(world.namespace, "helper", "scale")
    scale = world.plane.call("GET", path).body
    assert scale["status"]["selector"] == "gagarin.fyodorov.ai/instance=helper"
    scale["spec"]["replicas"] = 3  # as the autoscaler's controller does
    assert world.plane.call("PUT", path, scale).status == 200
    world.wait(lambda: replicas(world) == 3, "three pods")
    world.make_ready("helper")
    assert world.get(POD_DISRUPTION_BUDGET, "helper")
    world.wait(lambda: world.plane.call("GET", path).body["status"]["replicas"] == 3, "the scale's status")
    world.apply(world.instance(history=STATELESS))
    world.wait(lambda: not world.get(HORIZONTAL_POD_AUTOSCALER, "helper"), "the autoscaler to be pruned")


def test_a_volume_outlives_its_instance_and_is_found_again(world: World) -> None:
    history = {"type": "Persistent", "persistent": {"size": "1Gi"}}
    world.start()
    world.apply(*world.quickstart()[:-1])
    world.apply(world.instance(history=history))
    world.wait(lambda: world.get(PERSISTENT_VOLUME_CLAIM, "helper-data"), "the volume")
    world.quiet()
    claim = world.get(PERSISTENT_VOLUME_CLAIM, "helper-data") or {}
    assert "ownerReferences" not in claim["metadata"]
    assert (world.get(DEPLOYMENT, "helper") or {})["spec"]["strategy"]["type"] == "Recreate"
    world.delete(INSTANCE, "helper")
    world.wait(lambda: not world.get(DEPLOYMENT, "helper"), "garbage collection")
    world.apply(world.instance(history=history))
    world.wait(lambda: world.get(DEPLOYMENT, "helper"), "the Deployment")
    world.quiet()
    found = world.get(PERSISTENT_VOLUME_CLAIM, "helper-data") or {}
    assert found["metadata"]["uid"] == claim["metadata"]["uid"]
    world.apply(world.instance(history=STATELESS))
    world.quiet()
    assert world.get(PERSISTENT_VOLUME_CLAIM, "helper-data")


def test_a_foreign_volume_of_the_same_name_is_left_alone(world: World) -> None:
    metadata = {"namespace": world.namespace, "name": "helper-data"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    world.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    world.start()
    world.apply(*world.quickstart()[:-1])
    world.apply(world.instance(history={"type": "Persistent"}))
    world.wait(lambda: world.condition("helper")[1] == "NameTaken", "the condition")
    assert "PersistentVolumeClaim" in world.condition("helper")[2]


def test_every_child_that_is_edited_or_deleted_is_put_back(world: World) -> None:
    world.start()
    world.apply(*world.quickstart()[:-1])
    world.apply(world.instance(history=STATELESS, replicas=2, autoscaling={"min": 2, "max": 5}))
    world.make_ready("helper")
    world.quiet()
    edits: dict[str, Object] = {
        "HorizontalPodAutoscaler": {"maxReplicas": 9},
        "NetworkPolicy": {"policyTypes": ["Ingress", "Egress"]},
        "PodDisruptionBudget": {"maxUnavailable": "90%"},
    }
    for resource in (HORIZONTAL_POD_AUTOSCALER, NETWORK_POLICY, POD_DISRUPTION_BUDGET):
        before = (world.get(resource, "helper") or {})["spec"]
        world.edit(resource, "helper", {"spec": edits[resource.kind]})
        world.wait(partial(has_spec, world, resource, before), "it as before")
        world.delete(resource, "helper")
        world.wait(partial(world.get, resource, "helper"), "it again")
    world.quiet()


def has_spec(world: World, resource: Resource, spec: Object) -> bool:
    return (world.get(resource, "helper") or {}).get("spec") == spec


def test_a_key_of_another_namespace_is_copied_follows_and_is_withdrawn(world: World) -> None:
    far = World(world.plane, world.proxy, world.folder, f"{world.namespace}-far")
    assert world.plane.call("POST", NAMESPACE.path(), {"metadata": {"name": far.namespace}}).status == 201
    provider = far.provider()
    provider["spec"]["allowedNamespaces"] = {"from": "All", "credentials": "Copy"}
    far.apply(far.secret(), provider)
    agent = world.agent()
    agent["spec"]["model"]["providerRef"] = {"name": "stub", "namespace": far.namespace}
    world.apply(agent, world.instance())
    world.start(everywhere=True)
    world.make_ready("helper")
    assert world.condition("stub", resource=PROVIDER) == ("", "", "")
    assert world.condition("helper", resource=AGENT)[0]
    (name,) = copies(world)
    time.sleep(1.1)  # the API server's times are to the second: make the pod older than the rotation
    world.quiet()
    (pod,) = world.names(POD)
    with world.counting() as writes:
        far.apply(far.secret(value="second"))
        world.wait(lambda: SECRETS_REVISION in str(world.get(POD, pod)), "the nudge")
    assert writes == [f"PATCH secrets {name}", f"PATCH pods {pod}"]
    assert (world.get(SECRET, name) or {})["data"]["token"] == "c2Vjb25k"
    far.apply(far.provider())
    world.wait(lambda: not copies(world), "the copy to be deleted")
    world.wait(lambda: replicas(world) == 0, "no pods")
    world.wait(lambda: world.condition("helper", "ResolvedRefs")[1] == "RefNotPermitted", "the condition")
    far.apply(provider)
    world.wait(lambda: replicas(world) == 1 and copies(world), "its return")


def copies(world: World) -> list[str]:
    return [name for name in world.names(SECRET) if "." in name]
