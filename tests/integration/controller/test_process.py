"""The process: killed, cut off, replaced, confined."""

from __future__ import annotations

import time

import yaml

from gagarin.core.objects import Object
from gagarin.kube.resources import (
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    INSTANCE,
    LEASE,
    NAMESPACE,
    PERSISTENT_VOLUME_CLAIM,
    POD_DISRUPTION_BUDGET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
)
from tests.integration.controller.proxy import Fault
from tests.integration.controller.world import World
from tests.integration.controlplane import REPOSITORY


def holder(world: World) -> str:
    return str((world.get(LEASE, "gagarin-operator") or {"spec": {}})["spec"].get("holderIdentity"))


def test_sigterm_ends_it_well_and_gives_the_lease_back(world: World) -> None:
    operator = world.start()
    assert holder(world) == "operator"
    assert operator.stop() == 0
    assert holder(world) == ""


def test_killed_in_the_middle_of_twenty_applies_it_converges_after_a_restart(world: World) -> None:
    operator = world.start("--workers", "3")
    names = [f"helper-{number}" for number in range(20)]
    world.apply(*world.quickstart())
    with world.proxy.having(Fault("PATCH", words="/deployments/", seconds=2)):
        world.apply(*(world.instance(name) for name in names))
        world.wait(lambda: len(world.names(DEPLOYMENT)) >= 3, "it to be in the middle")
        operator.kill()
    assert len(world.names(DEPLOYMENT)) < 21
    world.apply(world.agent(prompt="Changed while nobody looked."))
    world.delete(INSTANCE, names[0])
    world.start()
    world.make_ready(*names[1:], "helper")
    assert world.get(DEPLOYMENT, names[0]) is None
    for name in names[1:]:
        made = world.get(INSTANCE, name) or {}
        assert made["status"]["observedGeneration"] == made["metadata"]["generation"]
        assert world.get(SERVICE, name)
    world.quiet()
    with world.counting() as writes:
        pass
    assert writes == []


def test_cut_watches_lose_nothing(world: World) -> None:
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    assert world.proxy.cut() > 0
    world.apply(world.instance("second"))
    world.delete(SERVICE, "helper")
    world.wait(lambda: world.get(SERVICE, "helper"), "the Service again")
    world.make_ready("helper", "second")


def test_an_api_server_that_goes_away_for_a_while_is_waited_for(world: World) -> None:
    operator = world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    world.proxy.go_down()
    world.apply(world.instance("second"))
    world.delete(INSTANCE, "helper")
    world.wait(lambda: operator.says("could not be taken or renewed"), "the Lease to have failed too")
    world.proxy.come_back()
    world.make_ready("second")
    world.wait(lambda: world.get(DEPLOYMENT, "helper") is None, "garbage collection")
    assert operator.process.poll() is None


def test_the_second_replica_takes_over(world: World) -> None:
    first = world.start(name="first")
    second = world.launch(name="second")
    world.wait(lambda: second.says("waiting for the Lease"), "the second to stand by")
    world.apply(*world.quickstart())
    world.make_ready("helper")
    assert not second.says("active")
    first.stop()
    world.wait(lambda: second.says("active:"), "the second to take over")
    assert holder(world) == "second"
    world.apply(world.instance("another"))
    world.make_ready("another")


def test_who_lost_the_lease_ends_without_another_write(world: World) -> None:
    operator = world.start(name="first")
    lease = world.get(LEASE, "gagarin-operator") or {}
    lease["spec"]["holderIdentity"] = "usurper"
    assert world.plane.call("PUT", LEASE.path(world.namespace, "gagarin-operator"), lease).status in (
        200,
        409,
    )
    world.wait(lambda: operator.process.poll() is not None or _usurp(world), "it to end")
    assert operator.process.returncode == 1
    assert operator.says("has another holder")
    with world.counting() as writes:
        world.apply(*world.quickstart())
    assert writes == []


def _usurp(world: World) -> bool:
    """Against a holder that renews every two seconds, the first try may come too late."""
    lease = world.get(LEASE, "gagarin-operator") or {}
    lease["spec"]["holderIdentity"] = "usurper"
    world.plane.call("PUT", LEASE.path(world.namespace, "gagarin-operator"), lease)
    return False


def test_without_the_resources_it_says_so_and_ends(world: World) -> None:
    operator = world.launch("--kubeconfig", str(world.folder / "absent"))
    assert operator.process.wait(60) == 2
    assert operator.says("absent")


def test_other_namespaces_are_not_its_business(world: World) -> None:
    elsewhere = f"{world.namespace}-elsewhere"
    assert world.plane.call("POST", NAMESPACE.path(), {"metadata": {"name": elsewhere}}).status == 201
    there = World(world.plane, world.proxy, world.folder, elsewhere)
    there.apply(*there.quickstart())
    world.start()
    world.apply(*world.quickstart())
    world.make_ready("helper")
    assert there.get(DEPLOYMENT, "helper") is None
    assert not any(elsewhere in call.path for call in world.proxy.calls)


def test_with_the_documented_rights_cluster_wide_nothing_is_refused(world: World) -> None:
    token = account(world)
    rules = documented_rules()
    grant(world, "ClusterRole", rules["cluster"])
    grant(world, "Role", rules["own"])
    work_through(world, token, everywhere=True)


def test_with_roles_only_one_namespace_can_be_served(world: World) -> None:
    token = account(world)
    rules = documented_rules()
    confined = [rule for rule in rules["cluster"] if rule.get("resources") != ["namespaces"]]
    own_namespace = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    grant(world, "Role", [*confined, own_namespace, *rules["own"]])
    work_through(world, token, everywhere=False)


def work_through(world: World, token: str, *, everywhere: bool) -> None:
    """Everything the operator ever does, with this identity; then no call may have been refused."""
    since = len(world.proxy.calls)
    operator = world.start(token=token, everywhere=everywhere)
    world.apply(*world.quickstart())
    world.apply(world.instance("wide", history={"type": "None"}, replicas=2, autoscaling={"max": 3}))
    world.apply(world.instance("deep", history={"type": "Persistent"}))
    if everywhere:
        share_a_key(world)
    world.make_ready("helper", "wide")
    world.wait(lambda: world.get(PERSISTENT_VOLUME_CLAIM, "deep-data"), "the volume")
    time.sleep(1.1)  # the API server's times are to the second: make the pod older than the rotation
    world.apply(world.secret(value="second"))
    world.apply(world.agent(prompt="You help briefly."))
    world.apply(world.instance("wide", history={"type": "None"}))
    world.wait(lambda: any("PATCH pods" in write for write in world.proxy.writes(world.namespace)), "a nudge")
    world.wait(lambda: not world.get(POD_DISRUPTION_BUDGET, "wide"), "what is not wanted to be pruned")
    world.wait(lambda: not world.get(HORIZONTAL_POD_AUTOSCALER, "wide"), "the autoscaler too")
    world.wait(lambda: rolled_out(world), "the old configuration to be pruned")
    world.quiet()
    assert operator.stop() == 0
    here = f"/namespaces/{world.namespace}"
    calls = [
        call for call in world.proxy.calls[since:] if "/namespaces/" not in call.path or here in call.path
    ]
    assert [f"{call} {call.status}" for call in calls if call.status in (401, 403)] == []


def share_a_key(world: World) -> None:
    """An Instance that uses the key of another namespace, until that is forbidden."""
    far = World(world.plane, world.proxy, world.folder, f"{world.namespace}-far")
    assert world.plane.call("POST", NAMESPACE.path(), {"metadata": {"name": far.namespace}}).status == 201
    provider = far.provider()
    provider["spec"]["allowedNamespaces"] = {"from": "All", "credentials": "Copy"}
    agent = world.agent("borrower")
    agent["spec"]["model"]["providerRef"] = {"name": "stub", "namespace": far.namespace}
    far.apply(far.secret(), provider)
    world.apply(agent, world.instance("borrower", agentRef={"name": "borrower"}))
    world.wait(lambda: any("." in name for name in world.names(SECRET)), "the copy")
    far.apply(far.provider())
    world.wait(lambda: not any("." in name for name in world.names(SECRET)), "the copy to be deleted")


def rolled_out(world: World) -> bool:
    """Let new pods become ready, until what the old ones needed is deleted."""
    world.run_pods()
    return any(write.startswith("DELETE configmaps") for write in world.proxy.writes(world.namespace))


def documented_rules() -> dict[str, list[Object]]:
    """The rules that the installation grants: everywhere, and in the operator's own namespace."""
    documents = [d for d in yaml.safe_load_all((REPOSITORY / "manifests" / "operator.yaml").read_text()) if d]
    cluster = [
        d for d in documents if d["kind"] == "ClusterRole" and d["metadata"]["name"] == "gagarin-operator"
    ]
    own = [d for d in documents if d["kind"] == "Role"]
    return {"cluster": cluster[0]["rules"], "own": own[0]["rules"]}


def account(world: World) -> str:
    """A ServiceAccount for the operator. Returns its token."""
    metadata = {"namespace": world.namespace, "name": "the-operator"}
    world.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    path = SERVICE_ACCOUNT.path(world.namespace, "the-operator", "token")
    return str(world.plane.call("POST", path, {"spec": {"expirationSeconds": 3600}}).body["status"]["token"])


def grant(world: World, kind: str, rules: list[Object]) -> None:
    """Bind rules to the operator's account: in its namespace, or everywhere."""
    group, name = "rbac.authorization.k8s.io", f"{world.namespace}-{kind.lower()}"
    scope = f"/namespaces/{world.namespace}" if kind == "Role" else ""
    role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "the-operator", "namespace": world.namespace}],
        "roleRef": {"apiGroup": group, "kind": kind, "name": name},
    }
    for plural, item in ((f"{kind.lower()}s", role), (f"{kind.lower()}bindings", binding)):
        answer = world.plane.call("POST", f"/apis/{group}/v1{scope}/{plural}", item)
        assert answer.status == 201, answer.message
