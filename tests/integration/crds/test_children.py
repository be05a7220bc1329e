"""What is rendered, put to a real API server: taken as it is, unchanged the second time, and safe."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gagarin.core.render import render
from tests.golden.cases import FOLDER, SETTINGS
from tests.integration.controlplane import ControlPlane
from tests.unit.core import builders as a

CASES = sorted(path.parents[1].name for path in FOLDER.glob("*/output/children.yaml"))
# The account, the priority and the runtime are the namespace's and the cluster's to have.
ELSEWHERE = {"serviceAccountName", "priorityClassName", "runtimeClassName"}
COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Service": "/api/v1/namespaces/{}/services",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def rendered(case: str) -> list[dict[str, Any]]:
    """The children without their owner, which is not there: garbage collection would take them away."""
    text = (FOLDER / case / "output" / "children.yaml").read_text(encoding="utf-8")
    children = list(yaml.safe_load_all(text))
    for child in children:
        child["metadata"].pop("ownerReferences", None)
    return children


@pytest.fixture(params=CASES)
def children(request: pytest.FixtureRequest, control_plane: ControlPlane) -> list[dict[str, Any]]:
    """The children of a golden case, whose namespaces exist and are restricted."""
    found = rendered(request.param)
    for name in {child["metadata"]["namespace"] for child in found}:
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": RESTRICTED},
        }
        assert control_plane.apply(namespace, "/api/v1/namespaces").status in (200, 201)
        control_plane.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
    return found


def test_children_are_applied_and_not_changed_by_applying_them_again(
    control_plane: ControlPlane, children: list[dict[str, Any]]
) -> None:
    for child in children:
        collection = COLLECTIONS[child["kind"]].format(child["metadata"]["namespace"])
        first = control_plane.apply(child, collection)
        assert first.status in (200, 201), first.message
        second = control_plane.apply(child, collection)
        assert _version(second.body) == _version(first.body)


def test_pods_are_admitted_where_the_restricted_standard_is_enforced(
    control_plane: ControlPlane, children: list[dict[str, Any]]
) -> None:
    for child in children:
        if child["kind"] != "Deployment":
            continue
        namespace = child["metadata"]["namespace"]
        template = child["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"} | template["metadata"]}
        spec = {k: v for k, v in template["spec"].items() if k not in ELSEWHERE}
        path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict"
        answer = control_plane.call("POST", path, pod | {"spec": spec | {"serviceAccountName": "default"}})
        assert answer.status == 201, answer.message


def test_each_way_of_keeping_history_can_follow_each_other(control_plane: ControlPlane) -> None:
    namespace = "histories"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    assert control_plane.apply(body, "/api/v1/namespaces").status in (200, 201)
    ways = [{"type": "Ephemeral"}, {"type": "Persistent"}, {"type": "None"}]
    for history in (*ways, *reversed(ways), *ways[::2]):
        for child in _children_with(history, namespace):
            answer = control_plane.apply(child, COLLECTIONS[child["kind"]].format(namespace))
            assert answer.status in (200, 201), (history, answer.message)
            if child["kind"] == "Deployment":
                assert answer.body["spec"]["strategy"] == child["spec"]["strategy"]


def _children_with(history: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    resources = (
        a.instance(namespace=namespace, history=history),
        a.agent(namespace=namespace),
        a.provider(namespace=namespace),
    )
    resolved = a.look(*resources).resolved
    assert resolved is not None
    children = render(resolved, SETTINGS)
    for child in children:
        child["metadata"].pop("ownerReferences", None)
    return children


def _version(stored: dict[str, Any]) -> Any:
    """What changes with a write of ours: a resource version also follows what controllers write."""
    metadata = stored["metadata"]
    if stored["kind"] in ("PersistentVolumeClaim", "HorizontalPodAutoscaler"):
        return stored["spec"]
    return metadata.get("generation", metadata["resourceVersion"])


@pytest.fixture(autouse=True, scope="module")
def _default_accounts(control_plane: ControlPlane) -> None:
    """kube-controller-manager makes the ServiceAccount `default` that pods need to be admitted."""
    control_plane.start_controllers()
