"""`kubectl apply -k manifests/`: what Helm would install, in a namespace of its own, with any image."""

from pathlib import Path

from scripts.manifests import without_helm
from tests.unit.charts.kustomization import build, build_with_image
from tests.unit.charts.rendering import ROOT, container, environment, only, pod_spec, render

MANIFESTS = ROOT / "manifests"
LOCAL = "gagarin.local/gagarin:dev"


def test_what_kubectl_installs_is_what_helm_installs() -> None:
    values = {"image": {"tag": "dev"}}
    charts = [*render("gagarin-crds", values={"keep": False}), *render(values=values)]
    by_name = {(item["kind"], item["metadata"]["name"]): without_helm(item) for item in charts}
    built = {(item["kind"], item["metadata"]["name"]): item for item in build(MANIFESTS)}
    built.pop(("Namespace", "gagarin-system"))
    assert built == by_name


def test_the_namespace_is_made_and_enforces_the_restricted_standard() -> None:
    namespace = only(build(MANIFESTS), "Namespace")
    assert namespace["metadata"]["name"] == "gagarin-system"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_everything_namespaced_lies_in_that_namespace() -> None:
    assert {item["metadata"].get("namespace", "") for item in build(MANIFESTS)} == {"", "gagarin-system"}


def test_nothing_of_helm_is_left() -> None:
    assert "helm" not in (MANIFESTS / "operator.yaml").read_text().lower()
    assert "helm.sh" not in (MANIFESTS / "crds.yaml").read_text()


def test_the_image_of_the_local_cluster_is_used_for_operator_and_instances() -> None:
    objects = build(MANIFESTS)
    assert container(objects)["image"] == LOCAL
    assert environment(objects)["GAGARIN_INSTANCE_IMAGE"] == LOCAL


def test_one_entry_in_images_changes_the_operator_and_the_instances(tmp_path: Path) -> None:
    objects = build_with_image(MANIFESTS, "registry.example.com/gagarin", "9", tmp_path)
    assert container(objects)["image"] == "registry.example.com/gagarin:9"
    assert environment(objects)["GAGARIN_INSTANCE_IMAGE"] == "registry.example.com/gagarin:9"


def test_the_account_of_the_operator_is_there() -> None:
    objects = build(MANIFESTS)
    assert only(objects, "ServiceAccount")["metadata"]["name"] == pod_spec(objects)["serviceAccountName"]
