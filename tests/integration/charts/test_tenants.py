"""The example with several teams, beside the charts and the sample policies: what each of them may do is what
the example says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.integration.charts.installation import GROUP, ROOT, Installation, Object

EXAMPLE = ROOT / "examples" / "tenants"
POLICIES = ROOT / "manifests" / "policies"
RED, BLUE, PLATFORM = (f"gagarin-example-{name}" for name in ("red", "blue", "platform"))
DEPLOYER = f"system:serviceaccount:{RED}:deployer"
SHOP = f"system:serviceaccount:{RED}:shop"
CHAT = "instances/chat"
# Who (a person by a group, a program by its account), what, where, and whether it is allowed.
RIGHTS = [
    (DEPLOYER, "", "create", "instances", RED, True),
    (DEPLOYER, "", "create", "providers", RED, True),
    (DEPLOYER, "", "create", CHAT, RED, False),
    (DEPLOYER, "", "create", "instances", BLUE, False),
    (DEPLOYER, "", "update", "providers", PLATFORM, False),
    ("ada", "team-red", "create", "agents", RED, True),
    ("ada", "team-red", "create", "instances", RED, False),
    ("ada", "team-red", "create", "tools", RED, False),
    ("ada", "team-red", "create", CHAT, RED, True),
    ("ada", "team-red", "create", CHAT, BLUE, False),
    ("ada", "team-red", "get", "agents", BLUE, False),
    ("eve", "auditors", "list", "instances", RED, True),
    ("eve", "auditors", "list", "instances", BLUE, True),
    ("eve", "auditors", "create", CHAT, RED, False),
    ("eve", "auditors", "update", "agents", BLUE, False),
]


@pytest.fixture(scope="module")
def tenants(cluster: Installation) -> Iterator[Installation]:
    """The charts, the policies in force, and the example as its README applies it."""
    cluster.install("gagarin-crds", "--wait")
    cluster.install("gagarin")
    cluster.kubectl("apply", "-k", POLICIES)
    cluster.kubectl("apply", "--filename", EXAMPLE / "1-namespaces.yaml")
    deadline = time.monotonic() + 60  # a policy is in force some moments after it was taken
    while "must be Restricted" not in (said := tried(cluster, openly_connected())):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
    cluster.kubectl("apply", "-k", EXAMPLE)
    yield cluster
    cluster.kubectl("delete", "-k", POLICIES)


def tried(cluster: Installation, item: Object) -> str:
    """What the API server says to the administrator; nothing is kept."""
    command = ("create", "--dry-run=server", "-f", "-")
    return cluster.said_by_kubectl(*command, stdin=json.dumps(item))


def openly_connected() -> Object:
    """An Instance that the policies refuse."""
    metadata = {"name": "open", "namespace": RED}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Instance",
        "metadata": metadata,
        "spec": {"agentRef": {"name": "a"}},
    }


@pytest.mark.parametrize(("user", "group", "verb", "resource", "namespace", "allowed"), RIGHTS)
def test_the_roles_of_the_chart_give_each_its_part(
    tenants: Installation, user: str, group: str, verb: str, resource: str, namespace: str, allowed: bool
) -> None:
    groups = [group] if group else ["system:serviceaccounts", f"system:serviceaccounts:{RED}"]
    assert tenants.may(user, verb, resource, namespace, GROUP, groups=groups) == allowed


@pytest.mark.parametrize(
    ("namespace", "instance", "allowed"),
    [(RED, "helpdesk", True), (RED, "another", False), (BLUE, "translator", True), (BLUE, "analyst", False)],
)
def test_a_program_chats_with_what_it_was_let_in_to(
    tenants: Installation, namespace: str, instance: str, allowed: bool
) -> None:
    assert tenants.may(SHOP, "create", CHAT, namespace, GROUP, name=instance) == allowed
    assert not tenants.may(SHOP, "get", "secrets", namespace)


@pytest.mark.parametrize("namespace", [RED, BLUE])
def test_instances_of_teams_keep_to_the_sample_policies(tenants: Installation, namespace: str) -> None:
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/instances"
    items = tenants.plane.call("GET", path).body["items"]
    assert items
    assert all(item["spec"]["networkPolicy"]["egress"] == "Restricted" for item in items)


@pytest.mark.parametrize("namespace", [RED, BLUE])
def test_what_a_quota_counts_is_known_to_the_cluster(tenants: Installation, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/agents"
    tenants.plane.until(path, lambda it: it["status"].get("used", {}).keys() == it["spec"]["hard"].keys())


def test_a_team_gets_no_load_balancer(tenants: Installation) -> None:
    path = f"/api/v1/namespaces/{RED}/resourcequotas/agents"
    tenants.plane.until(path, lambda it: "services.loadbalancers" in it.get("status", {}).get("used", {}))
    service = {"ports": [{"port": 80}], "type": "LoadBalancer"}
    item = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "way-in"}, "spec": service}
    refused = tenants.plane.call("POST", f"/api/v1/namespaces/{RED}/services?dryRun=All", item)
    assert (refused.status, "exceeded quota: agents" in refused.message) == (403, True)
