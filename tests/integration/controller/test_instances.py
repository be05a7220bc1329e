"""What becomes of resources on a real API server, and how many writes it takes."""

from __future__ import annotations

import time
from functools import partial

from gagarin.core.names import SECRETS_REVISION
from gagarin.core.objects import Object
from gagarin.kube.resources import (
    AGENT,
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    INSTANCE,
    NETWORK_POLICY,
    POD,
    PROVIDER,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from tests.integration.controller.world import World, template_revision

MADE = (SERVICE_ACCOUNT, ROLE_BINDING, NETWORK_POLICY, SERVICE, DEPLOYMENT)


def children(world: World) -> dict[str, list[str]]:
    """The names of what the operator makes, without what every namespace has."""
    own = {"default", "kube-root-ca.crt"}
    found = {resource.plural: world.names(resource) for resource in (*MADE, CONFIG_MAP)}
    return {plural: [name for name in names if name not in own] for plural, names in found.items()}


def spec(world: World, resource: Resource) -> Object:
    """What the helper's child of this kind says."""
    found: Object = (world.get(resource, "helper") or {})["spec"]
    return found


def reasons(world: World, kind: str, name: str) -> list[str]:
    events = [
        event for event in world.every(EVENT) if event.get("reportingController", "").startswith("gagarin")
    ]
    about = [
        event for event in events if (event["regarding"]["kind"], event["regarding"]["name"]) == (kind, name)
    ]
    return [event["reason"] for event in sorted(about, key=lambda event: str(event["eventTime"]))]


def test_a_quickstart_becomes_a_deployment_with_its_children_and_two_statuses(world: World) -> None:
    world.start()
    with world.counting() as writes:
        world.apply(*world.quickstart())
        world.make_ready("helper")
    revision = template_revision(world)
    assert children(world) == {
        "serviceaccounts": ["helper-agent"],
        "rolebindings": ["helper-agent"],
        "networkpolicies": ["helper"],
        "services": ["helper"],
        "deployments": ["helper"],
        "configmaps": [f"helper-{revision}"],
    }
    of_the_instance = [write for write in writes if "helper" in write and "agents/status" not in write]
    assert len(of_the_instance) <= 6 + 2, of_the_instance[6:]
    assert sum(write.startswith("PATCH instances/status") for write in of_the_instance) <= 2
    assert [write for write in writes if "providers" in write] == ["PATCH providers/status stub"]
    status = (world.get(INSTANCE, "helper") or {})["status"]
    assert status["url"] == f"http://helper.{world.namespace}.svc"
    assert (status["revision"], status["servingRevision"]) == (revision, revision)
    assert (status["replicas"], status["model"]) == (1, "stub/gpt")
    assert world.condition("stub", resource=PROVIDER)[0] == "True"
    assert world.condition("helper", resource=AGENT)[0] == "True"


def test_at_rest_over_resyncs_and_a_restart_nothing_is_written(world: World) -> None:
    operator = world.start("--resync-seconds", "1")
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.quiet()
    with world.counting() as writes:
        listed = sum("limit=" in call.query for call in world.proxy.calls)
        world.wait(
            lambda: sum("limit=" in call.query for call in world.proxy.calls) > listed + 40, "three resyncs"
        )
        assert operator.stop() == 0
        world.start()
    assert writes == []


def test_an_unknown_provider_is_told_by_name_and_mended_by_creating_it(world: World) -> None:
    world.start()
    world.apply(world.agent(), world.instance())
    world.wait(lambda: world.condition("helper", "ResolvedRefs")[1] == "RefNotFound", "the condition")
    assert "stub" in world.condition("helper", "ResolvedRefs")[2]
    assert children(world)["deployments"] == []
    world.wait(lambda: "RefNotFound" in reasons(world, "Instance", "helper"), "the Event")
    world.apply(world.secret(), world.provider())
    world.make_ready("helper")
    world.wait(lambda: "Ready" in reasons(world, "Instance", "helper"), "the Event")
    told = reasons(world, "Instance", "helper")
    assert len(told) == len(set(told)), told


def test_children_that_are_deleted_or_edited_by_hand_are_put_back(world: World) -> None:
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.quiet()
    before = {resource: spec(world, resource) for resource in (DEPLOYMENT, SERVICE)}
    for resource in MADE:
        name = "helper-agent" if resource in (SERVICE_ACCOUNT, ROLE_BINDING) else "helper"
        with world.counting() as writes:
            world.delete(resource, name)
            world.wait(partial(world.get, resource, name), f"{resource.kind} again")
        assert [write for write in writes if "status" not in write] == [f"PATCH {resource.plural} {name}"]
    world.edit(SERVICE, "helper", {"spec": {"selector": {"app": "evil"}}})
    world.edit(DEPLOYMENT, "helper", {"spec": {"replicas": 5, "paused": True}})
    world.wait(lambda: spec(world, SERVICE)["selector"] == before[SERVICE]["selector"], "the selector again")
    world.wait(lambda: spec(world, DEPLOYMENT)["replicas"] == 1, "the replicas again")
    assert spec(world, DEPLOYMENT)["template"] == before[DEPLOYMENT]["template"]


def test_an_edited_agent_rolls_exactly_its_instances(world: World) -> None:
    world.start()
    world.apply(*world.quickstart(), world.instance("twin"))
    world.apply(world.agent("other"), world.instance("stranger", agentRef={"name": "other"}))
    world.make_ready("helper", "twin", "stranger")
    world.quiet()
    before = template_revision(world)
    with world.counting() as writes:
        world.apply(world.agent(prompt="You help briefly."))
        world.wait(lambda: template_revision(world) != before, "a new revision")
        world.wait(lambda: template_revision(world, "twin") != before, "a new revision of the twin")
    deployments = sorted(write for write in writes if write.startswith("PATCH deployments"))
    assert deployments == ["PATCH deployments helper", "PATCH deployments twin"]
    assert not any("stranger" in write for write in writes)
    old = f"helper-{before}"
    assert old in world.names(CONFIG_MAP)
    world.make_ready("helper", "twin")
    world.wait(lambda: old not in world.names(CONFIG_MAP), "the old configuration to be pruned")


def test_a_rotated_secret_nudges_each_pod_once_and_rolls_nothing(world: World) -> None:
    operator = world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.quiet()
    time.sleep(1.1)  # the API server's times are to the second: make the pod older than the rotation
    (pod,) = world.names(POD)
    deployment = world.get(DEPLOYMENT, "helper") or {}
    with world.counting() as writes:
        world.apply(world.secret(value="second"))
        world.wait(lambda: SECRETS_REVISION in str(world.get(POD, pod)), "the nudge")
    assert writes == [f"PATCH pods {pod}"]
    assert (world.get(DEPLOYMENT, "helper") or {})["metadata"]["generation"] == deployment["metadata"][
        "generation"
    ]
    operator.stop()
    time.sleep(1.1)  # as above
    world.apply(world.secret(value="third"))
    with world.counting() as writes:
        world.start()
        world.wait(lambda: world.proxy.writes(world.namespace)[-1:] == [f"PATCH pods {pod}"], "the nudge")
    assert writes == [f"PATCH pods {pod}"]


def test_a_secret_that_is_not_referred_to_is_never_read(world: World) -> None:
    world.start()
    world.apply(world.secret("private"), *world.quickstart())
    world.make_ready("helper")
    read = [
        call.path for call in world.proxy.calls if world.namespace in call.path and "/secrets/" in call.path
    ]
    assert set(read) == {SECRET.path(world.namespace, "key")}


def test_of_a_deleted_instance_nothing_is_left(world: World) -> None:
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.quiet()
    with world.counting() as writes:
        world.delete(INSTANCE, "helper")
        world.wait(lambda: not any(children(world).values()), "garbage collection")
        world.wait(lambda: not world.names(POD), "the pods to go")
    assert writes == []


def test_a_foreign_service_is_left_alone(world: World) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": world.namespace, "name": "helper"},
        "spec": {"ports": [{"port": 99}]},
    }
    world.apply(foreign)
    world.start()
    world.apply(*world.quickstart())
    world.wait(lambda: world.condition("helper")[1] == "NameTaken", "the condition")
    assert (world.get(SERVICE, "helper") or {})["spec"]["ports"][0]["port"] == 99
    assert "Service" in world.condition("helper")[2]


def test_what_the_api_server_refuses_is_told_in_its_words(world: World) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"services": "0"}},
    }
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    assert world.plane.call("POST", path, quota).status == 201
    world.plane.until(f"{path}/none", lambda found: found.get("status", {}).get("hard"))
    world.start()
    world.apply(*world.quickstart())
    world.wait(lambda: world.condition("helper")[1] == "ApplyFailed", "the condition")
    assert "exceeded quota" in world.condition("helper")[2]
