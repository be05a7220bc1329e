"""Others at work on the same objects, and input that nobody expects: a condition each, and never a storm."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gagarin.core.objects import Object
from gagarin.kube.resources import (
    AGENT,
    DEPLOYMENT,
    INSTANCE,
    NAMESPACE,
    NETWORK_POLICY,
    SECRET,
    SERVICE,
)
from tests.integration.controller.world import World

ADMISSION = "/apis/admissionregistration.k8s.io/v1beta1"
MARK = "gagarin.fyodorov.ai~1applied"
RESYNCS = "gagarin_resync_seconds_count"


@contextmanager
def mutating(world: World, patch: str, resource: str, group: str = "") -> Iterator[None]:
    """An admission policy that changes every object of a resource in this namespace (JSON patch in CEL)."""
    name = f"meddle-{world.namespace}"
    rule = {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "resources": [resource],
        "operations": ["CREATE", "UPDATE"],
    }
    here = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    spec = {
        "matchConstraints": {"namespaceSelector": here, "resourceRules": [rule]},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }
    made = (
        ("mutatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec}),
        ("mutatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": {"policyName": name}}),
    )
    for plural, item in made:
        answer = world.plane.call("POST", f"{ADMISSION}/{plural}", item)
        assert answer.status == 201, answer.message
    try:
        yield
    finally:
        for plural, _ in made:
            world.plane.call("DELETE", f"{ADMISSION}/{plural}/{name}")


def is_at_work(world: World, resource: str) -> bool:
    """Does the policy see what is applied yet? The API server loads it a moment later."""
    probe: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe"}, "spec": {}}
    path = f"/api/v1/namespaces/{world.namespace}/services?dryRun=All"
    probe["spec"] = {"ports": [{"port": 80}]}
    probe["metadata"]["annotations"] = {"gagarin.fyodorov.ai/applied": "x"}
    answer = world.plane.call("POST", path, probe)
    return answer.status == 201 and answer.body["metadata"].get("annotations") != {
        "gagarin.fyodorov.ai/applied": "x"
    }


MEDDLERS = {
    "adds what is not ours": '[JSONPatch{op: "add", path: "/metadata/annotations/team", value: "a"}]',
    "changes what is ours": '[JSONPatch{op: "replace", path: "/spec/ports/0/port", value: 81}, '
    'JSONPatch{op: "add", path: "/metadata/annotations/team", value: "a"}]',
    "takes away our mark": f'[JSONPatch{{op: "remove", path: "/metadata/annotations/{MARK}"}}]',
    "changes with every request": f'[JSONPatch{{op: "remove", path: "/metadata/annotations/{MARK}"}}, '
    'JSONPatch{op: "add", path: "/metadata/annotations/seen", value: '
    'oldObject != null && has(oldObject.metadata.annotations) && "seen" in oldObject.metadata.annotations '
    '? oldObject.metadata.annotations["seen"] + "x" : "x"}]',
}


@pytest.mark.parametrize("patch", MEDDLERS.values(), ids=MEDDLERS.keys())
def test_an_admission_plugin_that_changes_children_leads_to_no_writes_at_rest(
    world: World, patch: str
) -> None:
    operator = world.start("--resync-seconds", "1")
    with mutating(world, patch, "services"):
        world.wait(lambda: is_at_work(world, "services"), "the policy to be loaded")
        world.apply(*world.quickstart())
        world.make_ready("helper")
        world.quiet(1.5)
        seen = operator.metric(RESYNCS)
        with world.counting() as writes:
            world.wait(lambda: operator.metric(RESYNCS) >= seen + 3, "several resyncs")
        assert writes == []
        applied = [write for write in world.proxy.writes(world.namespace) if write == "PATCH services helper"]
        assert len(applied) <= 2


def test_somebody_who_changes_a_child_back_each_time_is_told_and_not_fought(world: World) -> None:
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    since = len(world.proxy.calls)
    until = time.monotonic() + 12
    while time.monotonic() < until:
        world.edit(SERVICE, "helper", {"spec": {"ports": [{"name": "theirs", "port": 99}]}})
        time.sleep(0.2)
    corrections = [
        write for write in world.proxy.writes(world.namespace, since) if write == "PATCH services helper"
    ]
    assert 3 <= len(corrections) <= 6  # at once, and after 1, 2, 4 and 8 seconds
    assert world.condition("helper")[:2] == ("False", "Conflicted")
    assert "Service" in world.condition("helper")[2]
    world.wait(lambda: world.condition("helper")[1] == "Ready", "peace")
    assert 80 in [port["port"] for port in (world.get(SERVICE, "helper") or {})["spec"]["ports"]]


def test_who_deletes_a_child_each_time_is_not_fought_either(world: World) -> None:
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    since = len(world.proxy.calls)
    until = time.monotonic() + 6
    while time.monotonic() < until:
        world.plane.call("DELETE", NETWORK_POLICY.path(world.namespace, "helper"))
        time.sleep(0.1)
    made = [write for write in world.proxy.writes(world.namespace, since) if "networkpolicies" in write]
    assert 2 <= len(made) <= 5


def test_a_quota_that_refuses_pods_is_told_in_its_words(world: World) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    assert world.plane.call("POST", path, quota).status == 201
    world.plane.until(f"{path}/none", lambda found: found.get("status", {}).get("hard"))
    world.start()
    world.apply(*world.quickstart())
    world.wait(lambda: world.condition("helper")[1] == "PodsRefused", "the condition")
    assert "exceeded quota" in world.condition("helper")[2]
    world.quiet(1.5)


def test_a_namespace_deleted_under_an_instance_takes_all_of_it_along_without_a_fight(world: World) -> None:
    lease = ["--lease-namespace=default", f"--lease-name={world.namespace}"]  # it must outlive the namespace
    operator = world.start(*lease, everywhere=True)
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.quiet()
    since = len(world.proxy.calls)
    assert world.plane.call("DELETE", NAMESPACE.path("", world.namespace)).status == 200
    world.wait(lambda: not world.names(DEPLOYMENT) and not world.names(INSTANCE), "all to go")
    world.quiet(1.5)
    made = [
        call
        for call in world.proxy.calls[since:]
        if call.method == "PATCH" and f"/{world.namespace}/" in call.path and "/status" not in call.path
    ]
    assert len(made) <= 2, made
    assert operator.process.poll() is None


def test_an_instance_that_is_deleted_and_made_again_at_once_gets_children_of_its_own(world: World) -> None:
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    old = (world.get(INSTANCE, "helper") or {})["metadata"]["uid"]
    world.delete(INSTANCE, "helper")
    world.apply(world.instance())
    new = (world.get(INSTANCE, "helper") or {})["metadata"]["uid"]
    assert new != old

    def belongs() -> bool:
        found = [world.get(resource, "helper") for resource in (DEPLOYMENT, SERVICE, NETWORK_POLICY)]
        return all(item and item["metadata"]["ownerReferences"][0]["uid"] == new for item in found)

    world.wait(belongs, "children of the new one")
    world.make_ready("helper")
    world.quiet()


def test_a_prompt_of_a_mebibyte_is_a_condition(world: World) -> None:
    text = "ü" * (1_000_000 // 2)
    world.apply({"apiVersion": "v1", "kind": "ConfigMap", **named(world, "long"), "data": {"prompt": text}})
    agent = world.agent()
    del agent["spec"]["prompt"]
    agent["spec"]["promptFrom"] = {"configMapKeyRef": {"name": "long", "key": "prompt"}}
    world.start()
    world.apply(world.secret(), world.provider(), agent, world.instance())
    world.wait(lambda: world.condition("helper")[0] == "False", "the condition")
    assert world.condition("helper")[1] in ("TooLarge", "InvalidSpec", "RefNotReady")
    assert world.get(DEPLOYMENT, "helper") is None
    world.quiet(1.5)


def test_names_as_long_as_they_may_be_work_and_a_binary_key_is_told(world: World) -> None:
    name, secret = "a" * 52, "s" * 253
    binary = base64.b64encode(bytes(range(256))).decode()
    world.apply({"apiVersion": "v1", "kind": "Secret", **named(world, secret), "data": {"token": binary}})
    world.apply(world.provider(secret=secret), world.agent(prompt="Ты помогаешь. 🛰"))
    world.apply(world.instance(name, title="Помощник"))
    world.start()
    world.wait(lambda: "is not text" in world.condition(name)[2], "the condition")
    world.quiet()
    world.edit(SECRET, secret, {"data": {"token": base64.b64encode(b"a key").decode()}})
    world.make_ready(name)
    assert world.condition("helper", resource=AGENT)[0] == "True"


def test_an_agent_with_as_many_tools_as_it_may_have_comes_about_and_rests(world: World) -> None:
    names = [f"tool-{number}" for number in range(64)]
    agent = world.agent()
    agent["spec"]["tools"] = [{"toolRef": {"name": name}} for name in names]
    world.apply(world.secret(), world.provider(), agent, world.instance())
    world.apply(*(world.tool(name, keyed=True) for name in names[:32]))
    world.start()
    world.wait(lambda: names[32] in world.condition("helper")[2], "the first one that is not there, named")
    world.apply(*(world.tool(name) for name in names[32:]))
    world.make_ready("helper")
    world.quiet()


def named(world: World, name: str) -> Object:
    return {"metadata": {"namespace": world.namespace, "name": name}}
