"""Status against a real API server: the CRDs take what is written, and real controllers mean what is read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gagarin.api.kinds import API_VERSION, KINDS
from gagarin.core.objects import Object
from gagarin.core.render import render, revision_of
from gagarin.core.status import status_of
from gagarin.core.storage import volume_claim
from tests.golden.cases import FOLDER, NOW, SETTINGS
from tests.integration.controlplane import ControlPlane
from tests.unit.api.examples import AGENT, INSTANCE, MODEL, PROVIDER, TOOL, item
from tests.unit.core import builders as a

SPECS = {"Provider": PROVIDER, "Model": MODEL, "Tool": TOOL, "Agent": AGENT, "Instance": INSTANCE}
STATUSES = [
    (key, status)
    for path in sorted(FOLDER.glob("*/output/status.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    for key, status in document.items()
]


@pytest.mark.parametrize(("key", "golden"), STATUSES, ids=[key for key, _ in STATUSES])
def test_the_crds_take_every_status_that_is_written(
    crds: ControlPlane, key: str, golden: dict[str, Any]
) -> None:
    kind = key.split()[0]
    collection = f"/apis/{API_VERSION}/namespaces/default/{KINDS[kind].plural}"
    crds.apply(item(kind, SPECS[kind], "with-status"), collection)
    dates = {"observedGeneration": 1, "lastTransitionTime": NOW}
    status = golden | {"observedGeneration": 1, "conditions": [each | dates for each in golden["conditions"]]}
    resource = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "with-status"},
        "status": status,
    }
    query = "fieldManager=gagarin&force=true&fieldValidation=Strict"
    path = f"{collection}/with-status/status?{query}"
    answer = crds.call("PATCH", path, resource, "application/apply-patch+yaml")
    assert answer.status == 200, answer.message
    assert answer.body["status"] == status


@pytest.fixture
def instance(crds: ControlPlane, request: pytest.FixtureRequest) -> Object:
    """An Instance in a namespace of its own, with controllers that will make its pods."""
    crds.start_controllers()
    namespace = request.node.name.replace("_", "-")[:60].strip("-")
    crds.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, "/api/v1/namespaces"
    )
    return a.instance(namespace=namespace)


def roll_out(plane: ControlPlane, instance: Object) -> tuple[Any, str]:
    """Apply the ServiceAccount and the Deployment of an Instance; its resolution and its revision."""
    namespace = instance["metadata"]["namespace"]
    resolution = a.look(instance, a.agent(namespace=namespace), a.provider(namespace=namespace))
    assert resolution.resolved is not None
    children = {child["kind"]: child for child in render(resolution.resolved, SETTINGS)}
    for kind, collection in (("ServiceAccount", "/api/v1"), ("Deployment", "/apis/apps/v1")):
        child = children[kind]
        del child["metadata"]["ownerReferences"]  # the Instance itself is not stored
        answer = plane.apply(child, f"{collection}/namespaces/{namespace}/{kind.lower()}s")
        assert answer.status == 201, answer.message
    return resolution, revision_of(list(children.values()))


def live(plane: ControlPlane, namespace: str) -> list[Object]:
    """The Deployments, ReplicaSets and Pods of a namespace."""
    groups = (("Deployment", "/apis/apps/v1"), ("ReplicaSet", "/apis/apps/v1"), ("Pod", "/api/v1"))
    return [
        each | {"kind": kind}
        for kind, group in groups
        for each in plane.call("GET", f"{group}/namespaces/{namespace}/{kind.lower()}s").body["items"]
    ]


def test_a_quota_is_told_in_its_own_words(crds: ControlPlane, instance: Object) -> None:
    namespace = instance["metadata"]["namespace"]
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": 0}},
    }
    crds.apply(quota, f"/api/v1/namespaces/{namespace}/resourcequotas")
    crds.until(
        f"/api/v1/namespaces/{namespace}/resourcequotas/none", lambda one: "hard" in one.get("status", {})
    )
    resolution, revision = roll_out(crds, instance)
    crds.until(
        f"/apis/apps/v1/namespaces/{namespace}/deployments/support",
        lambda one: "ReplicaFailure" in str(one.get("status")),
    )
    status = status_of(instance, resolution, live(crds, namespace), NOW, revision=revision)
    (ready,) = (each for each in status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "PodsRefused")
    assert "exceeded quota: none" in ready["message"]


def test_an_instance_is_ready_once_the_controllers_say_so(crds: ControlPlane, instance: Object) -> None:
    namespace = instance["metadata"]["namespace"]
    resolution, revision = roll_out(crds, instance)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    (pod,) = crds.until(pods, lambda found: found["items"])["items"]
    starting = status_of(instance, resolution, live(crds, namespace), NOW, revision=revision)
    assert _ready(starting) == ("False", "RollingOut")
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    ready = {"status": {"phase": "Running", "conditions": [condition]}}
    crds.call("PATCH", f"{pods}/{pod['metadata']['name']}/status", ready, "application/merge-patch+json")
    crds.until(
        f"/apis/apps/v1/namespaces/{namespace}/deployments/support",
        lambda one: one.get("status", {}).get("availableReplicas") == 1,
    )
    status = status_of(instance, resolution, live(crds, namespace), NOW, revision=revision)
    assert _ready(status) == ("True", "Ready")
    assert (status["replicas"], status["servingRevision"]) == (1, revision)


def _ready(status: dict[str, Any]) -> tuple[str, str]:
    (ready,) = (each for each in status["conditions"] if each["type"] == "Ready")
    return ready["status"], ready["reason"]


def test_a_volume_that_nobody_provides_is_told(crds: ControlPlane, instance: Object) -> None:
    namespace = instance["metadata"]["namespace"]
    instance["spec"]["history"] = {"type": "Persistent", "persistent": {"storageClassName": "nobodys"}}
    resolution, revision = roll_out(crds, instance)
    assert resolution.resolved is not None
    (claim,) = volume_claim(resolution.resolved)
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    assert crds.apply(claim, claims).status == 201
    pending = crds.until(
        f"{claims}/support-data", lambda one: one.get("status", {}).get("phase") == "Pending"
    )
    crds.until(
        f"/apis/apps/v1/namespaces/{namespace}/deployments/support",
        lambda one: one.get("status", {}).get("updatedReplicas") == 1,
    )
    children = [*live(crds, namespace), pending | {"kind": "PersistentVolumeClaim"}]
    status = status_of(instance, resolution, children, NOW, revision=revision)
    assert _ready(status) == ("False", "VolumePending")
    assert "storage class nobodys" in str(status)
