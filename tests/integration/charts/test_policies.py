"""The sample ValidatingAdmissionPolicies on a real API server: what they refuse, and that they admit the
rest."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration.charts.installation import GROUP, ROOT, SYSTEM, Installation, Object

POLICIES = ROOT / "manifests" / "policies"
NAMESPACE = "shared-with-many"
FREE = "free"
SECRET = {"secretKeyRef": {"name": "key", "key": "token"}}
STDIO = {"type": "Stdio", "stdio": {"image": "registry.example.com/tools/files:1", "command": ["files"]}}
INSTANCE = {"agentRef": {"name": "a"}, "networkPolicy": {"egress": "Restricted"}}


def changed(spec: Object, path: str, value: Any) -> Object:
    spec = copy.deepcopy(spec)
    *parents, last = path.split(".")
    inner = spec
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return spec


ADMITTED: list[tuple[str, Object]] = [
    ("Provider", {"type": "OpenAI", "apiKey": SECRET}),
    ("Provider", {"type": "OpenAICompatible", "url": "http://llm.models.svc:8000/v1"}),
    ("Provider", {"type": "OpenAI", "allowedNamespaces": {"from": "Selector", "selector": {}}}),
    ("Tool", STDIO),
    ("Tool", {"type": "MCP", "mcp": {"url": "http://mcp.tools.svc/mcp"}}),
    ("Tool", {"type": "OpenAPI", "openAPI": {"url": "http://api.tools.svc/openapi.json"}}),
    ("Instance", INSTANCE),
]
REFUSED: list[tuple[str, Object, str]] = [
    ("Provider", {"type": "Mistral"}, "Providers of type Mistral are not allowed here"),
    ("Provider", {"type": "OpenAI", "url": "https://evil.example.com/v1"}, "https://evil.example.com/v1"),
    ("Provider", {"type": "OpenAI", "url": "https://api.openai.com.evil.example/v1"}, "of none of the hosts"),
    ("Provider", {"type": "OpenAI", "allowedNamespaces": {"from": "All"}}, "from must not be All"),
    (
        "Provider",
        {"type": "OpenAI", "allowedNamespaces": {"from": "Selector", "selector": {}, "credentials": "Copy"}},
        "credentials must stay in their namespace",
    ),
    ("Tool", changed(STDIO, "stdio.image", "docker.io/evil:1"), "the image docker.io/evil:1 is of none"),
    ("Tool", {"type": "MCP", "mcp": {"url": "https://evil.example.com/mcp"}}, "https://evil.example.com/mcp"),
    (
        "Tool",
        {"type": "OpenAPI", "openAPI": {"configMapKeyRef": {"name": "api", "key": "openapi.json"}}},
        "a document in a ConfigMap may name any server",
    ),
    ("Instance", {"agentRef": {"name": "a"}}, "networkPolicy.egress must be Restricted"),
    ("Instance", changed(INSTANCE, "service.type", "LoadBalancer"), "service.type must be ClusterIP"),
]


def manifest(kind: str, spec: Object, namespace: str = NAMESPACE) -> Object:
    metadata = {"name": "try", "namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def tried(cluster: Installation, item: Object) -> str:
    """What the API server says when somebody creates it; nothing is kept."""
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{item['metadata']['namespace']}/{item['kind'].lower()}s"
    answer = cluster.plane.call("POST", f"{path}?dryRun=All", item)
    return "created" if answer.status == 201 else answer.message


@pytest.fixture(scope="module")
def policies(cluster: Installation) -> Iterator[Installation]:
    """The definitions, the policies, and two namespaces of which one has them enforced."""
    cluster.install("gagarin-crds", "--wait")
    for name, labels in ((NAMESPACE, {"gagarin.fyodorov.ai/policies": "enforced"}), (FREE, {}), (SYSTEM, {})):
        cluster.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    cluster.kubectl("apply", "-k", POLICIES)
    deadline = time.monotonic() + 60  # a policy is in force some moments after it was taken
    for kind, spec, _ in REFUSED:
        while tried(cluster, manifest(kind, spec)) == "created":
            assert time.monotonic() < deadline, f"{kind} {spec} is not refused"
            time.sleep(0.2)
    yield cluster
    cluster.kubectl("delete", "-k", POLICIES)


@pytest.mark.parametrize(("kind", "spec", "says"), REFUSED)
def test_what_a_policy_forbids_is_refused_with_what_to_do(
    policies: Installation, kind: str, spec: Object, says: str
) -> None:
    said = tried(policies, manifest(kind, spec))
    assert f"{GROUP}' with binding" in said
    assert says in said


@pytest.mark.parametrize(("kind", "spec"), ADMITTED)
def test_what_no_policy_forbids_is_admitted(policies: Installation, kind: str, spec: Object) -> None:
    assert tried(policies, manifest(kind, spec)) == "created"


@pytest.mark.parametrize(("kind", "spec", "says"), REFUSED)
def test_a_namespace_without_the_label_is_left_alone(
    policies: Installation, kind: str, spec: Object, says: str
) -> None:
    assert tried(policies, manifest(kind, spec, FREE)) == "created"


def test_pods_run_as_another_account_only_by_who_may_use_it(policies: Installation) -> None:
    item = manifest("Instance", changed(INSTANCE, "pod.serviceAccountName", "powerful"))
    assert tried(policies, item) == "created"  # the administrator may
    editors = (
        "create",
        "rolebinding",
        "editors",
        "--clusterrole=edit",
        "--user=ada",
        "--namespace",
        NAMESPACE,
    )
    policies.kubectl(*editors)
    policies.install("gagarin")
    command = ("create", "--dry-run=server", "--as=ada", "-f", "-")
    text = yaml.safe_dump(item)
    deadline = time.monotonic() + 60  # until the aggregated role is in force
    while "is forbidden: User" in (said := policies.said_by_kubectl(*command, stdin=text)):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
    assert "you need the right to use it" in said


def test_without_the_parameters_nothing_is_let_through(policies: Installation) -> None:
    policies.kubectl("delete", "configmap", "gagarin-policies", "--namespace", SYSTEM)
    deadline = time.monotonic() + 60
    while (said := tried(policies, manifest("Tool", STDIO))) == "created":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "no params found" in said
    policies.kubectl("apply", "-k", POLICIES)


def test_the_kustomization_names_every_file() -> None:
    listed = yaml.safe_load((POLICIES / "kustomization.yaml").read_text())["resources"]
    found = {path.name for path in POLICIES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == found
