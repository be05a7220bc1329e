"""The charts, the manifests and the quickstart in a real API server: taken, upgraded, taken away.

They have a control plane of their own, because they remove the definitions that other tests rely on.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.charts.installation import CHARTS, GROUP, OPERATOR, ROOT, SYSTEM, Installation, Object
from tests.integration.controlplane import ControlPlane

CUSTOM = f"/apis/{GROUP}/v1alpha1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
MANIFESTS = ROOT / "manifests"
QUICKSTART = MANIFESTS / "examples" / "quickstart"
PROVIDER = {
    "apiVersion": f"{GROUP}/v1alpha1",
    "kind": "Provider",
    "metadata": {"name": "mine", "namespace": "default"},
    "spec": {"type": "OpenAI"},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    plane = ControlPlane(tmp_path_factory.mktemp("charts"))
    try:
        plane.start()
        plane.start_controllers()
        yield Installation(plane)
    finally:
        plane.stop()


@pytest.fixture
def definitions(cluster: Installation) -> Iterator[Installation]:
    """The chart gagarin-crds, removed afterwards with everything that was made of it."""
    cluster.install("gagarin-crds", "--wait")
    yield cluster
    cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM)
    cluster.kubectl("delete", "crd", "--selector", "app.kubernetes.io/part-of=gagarin")


@pytest.fixture
def operator(definitions: Installation) -> Iterator[Installation]:
    """Both charts with their default values."""
    definitions.install("gagarin")
    yield definitions
    definitions.helm("uninstall", "gagarin", "--namespace", SYSTEM)


@pytest.fixture
def two_namespaces(definitions: Installation) -> Iterator[Installation]:
    """The operator limited to the namespace `served`; `foreign` is none of its business."""
    for name in ("served", "foreign"):
        definitions.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    definitions.install("gagarin", "--set", "watchNamespaces={served}")
    yield definitions
    definitions.helm("uninstall", "gagarin", "--namespace", SYSTEM)


def binding_to(role: str) -> Object:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return {"metadata": {"name": "try"}, "roleRef": reference, "subjects": []}


def as_operator(cluster: Installation, namespace: str, role: str) -> str:
    """What the API server says when the operator binds a role there; nothing is kept of it."""
    path = f"{ROLES}/namespaces/{namespace}/rolebindings?dryRun=All"
    kubeconfig = cluster.plane.call("POST", path, binding_to(role))
    assert kubeconfig.status == 201
    return ""


def test_the_definitions_are_established(definitions: Installation) -> None:
    found = definitions.kubectl("api-resources", "--api-group", GROUP, "--output", "name").split()
    kinds = ("agents", "instances", "models", "providers", "tools")
    assert sorted(found) == [f"{kind}.{GROUP}" for kind in kinds]


def test_an_upgrade_reaches_the_definitions(definitions: Installation, tmp_path: Path) -> None:
    chart = Path(shutil.copytree(CHARTS / "gagarin-crds", tmp_path / "gagarin-crds"))
    template = chart / "templates" / "models.yaml"
    template.write_text(template.read_text().replace("shortNames:\n", "shortNames:\n    - newer\n", 1))
    definitions.install(chart)
    crd = definitions.plane.call("GET", f"{CRDS}/models.{GROUP}").body
    assert "newer" in crd["spec"]["names"]["shortNames"]


def test_uninstalling_leaves_the_definitions_and_the_objects_of_users(cluster: Installation) -> None:
    cluster.install("gagarin-crds", "--wait")
    assert cluster.plane.apply(PROVIDER, f"{CUSTOM}/namespaces/default/providers").status == 201
    said = cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM)
    assert f"[CustomResourceDefinition] providers.{GROUP}" in said
    assert cluster.plane.call("GET", f"{CUSTOM}/namespaces/default/providers/mine").status == 200
    assert "installed" in cluster.install("gagarin-crds")
    assert cluster.plane.call("GET", f"{CUSTOM}/namespaces/default/providers/mine").status == 200
    cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM)
    cluster.kubectl("delete", "crd", "--selector", "app.kubernetes.io/part-of=gagarin")


def test_uninstalling_takes_the_definitions_along_when_that_was_asked_for(cluster: Installation) -> None:
    cluster.install("gagarin-crds", "--wait", "--set", "keep=false")
    cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM, "--wait")
    assert cluster.plane.call("GET", f"{CRDS}/providers.{GROUP}").status == 404


def test_everything_there_is_to_switch_on_is_taken(definitions: Installation) -> None:
    monitor = {"plural": "servicemonitors", "singular": "servicemonitor", "kind": "ServiceMonitor"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "monitoring.coreos.com", "names": monitor, "scope": "Namespaced", "versions": [version]}
    metadata = {"name": "servicemonitors.monitoring.coreos.com"}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    assert definitions.plane.apply({**crd, "metadata": metadata, "spec": spec}, CRDS).status == 201
    definitions.kubectl("wait", "--for=condition=Established", f"crd/{metadata['name']}")
    values = ROOT / "tests" / "integration" / "charts" / "everything.yaml"
    definitions.install("gagarin", "--values", str(values))
    monitors = f"/apis/monitoring.coreos.com/v1/namespaces/{SYSTEM}/servicemonitors/gagarin-operator"
    assert definitions.plane.call("GET", monitors).status == 200
    definitions.helm("uninstall", "gagarin", "--namespace", SYSTEM)


def test_a_strict_server_knows_every_field(operator: Installation, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(operator.helm("get", "manifest", "gagarin", "--namespace", SYSTEM))
    command = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    assert "deployment.apps/gagarin-operator serverside-applied" in operator.kubectl(*command, "-f", rendered)


def test_the_operators_pod_is_admitted_where_restricted_is_enforced(operator: Installation) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    merge = "application/merge-patch+json"
    assert operator.plane.call("PATCH", f"/api/v1/namespaces/{SYSTEM}", label, merge).status == 200
    path = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/gagarin-operator"
    pod = operator.plane.call("GET", path).body["spec"]["template"]
    pod["metadata"]["name"] = "try"
    answer = operator.plane.call("POST", f"/api/v1/namespaces/{SYSTEM}/pods?dryRun=All", pod)
    assert answer.status == 201, answer.message
    del pod["spec"]["securityContext"]
    assert "violates PodSecurity" in operator.plane.call("POST", f"/api/v1/namespaces/{SYSTEM}/pods", pod).message


def test_the_operator_may_do_its_work_in_every_namespace_and_no_more(operator: Installation) -> None:
    assert operator.may(OPERATOR, "patch", "instances/status", "default", GROUP)
    assert operator.may(OPERATOR, "watch", "secrets")
    assert operator.may(OPERATOR, "patch", "pods", "default")
    assert operator.may(OPERATOR, "list", "namespaces")
    assert not operator.may(OPERATOR, "create", "pods", "default")
    assert not operator.may(OPERATOR, "patch", "secrets", "default")
    assert not operator.may(OPERATOR, "patch", "instances", "default", GROUP)
    assert not operator.may(OPERATOR, "create", "instances/chat", "default", GROUP)
    assert not operator.may(OPERATOR, "update", "leases", SYSTEM, "coordination.k8s.io", "another")
    assert operator.may(OPERATOR, "update", "leases", SYSTEM, "coordination.k8s.io", "gagarin-operator")


def test_with_namespaces_named_the_operator_may_do_nothing_elsewhere(two_namespaces: Installation) -> None:
    for verb, resource, group in (("watch", "secrets", ""), ("list", "instances", GROUP), ("patch", "pods", "")):
        assert two_namespaces.may(OPERATOR, verb, resource, "served", group)
        assert not two_namespaces.may(OPERATOR, verb, resource, "foreign", group)
        assert not two_namespaces.may(OPERATOR, verb, resource, "", group)


def test_with_namespaces_named_the_operator_reads_their_labels_by_name(two_namespaces: Installation) -> None:
    assert can_get_namespace(two_namespaces, "served")
    assert not can_get_namespace(two_namespaces, "foreign")
