"""What is left when an installation is removed, by helm and by kubectl: the objects of users, or nothing."""

from tests.integration.charts.installation import GROUP, ROOT, SYSTEM, Installation

PROVIDERS = f"/apis/{GROUP}/v1alpha1/namespaces/default/providers"
DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/providers.{GROUP}"
MANIFESTS = ROOT / "manifests"
PROVIDER = {
    "apiVersion": f"{GROUP}/v1alpha1",
    "kind": "Provider",
    "metadata": {"name": "mine", "namespace": "default"},
    "spec": {"type": "OpenAI"},
}


def test_uninstalling_leaves_the_definitions_and_the_objects_of_users(cluster: Installation) -> None:
    cluster.install("gagarin-crds", "--wait")
    assert cluster.plane.apply(PROVIDER, PROVIDERS).status == 201
    said = cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM)
    assert f"[CustomResourceDefinition] providers.{GROUP}" in said
    assert cluster.plane.call("GET", f"{PROVIDERS}/mine").status == 200
    assert "installed" in cluster.install("gagarin-crds")
    assert cluster.plane.call("GET", f"{PROVIDERS}/mine").status == 200
    cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM)
    cluster.kubectl("delete", "crd", "--wait=false", "--selector", "app.kubernetes.io/part-of=gagarin")
    cluster.until_gone(DEFINITION)


def test_uninstalling_takes_the_definitions_along_when_that_was_asked_for(cluster: Installation) -> None:
    cluster.install("gagarin-crds", "--wait", "--set", "keep=false")
    # A definition that goes before it is served takes minutes.
    cluster.plane.until(PROVIDERS, lambda page: page["items"] == [])
    cluster.helm("uninstall", "gagarin-crds", "--namespace", SYSTEM)
    cluster.until_gone(DEFINITION)


def test_kubectl_alone_installs_and_removes_all_of_it(cluster: Installation) -> None:
    said = cluster.kubectl("apply", "-k", MANIFESTS)
    assert "deployment.apps/gagarin-operator created" in said
    assert "unchanged" in cluster.kubectl("apply", "-k", MANIFESTS)
    cluster.kubectl("delete", "--wait=false", "-k", MANIFESTS)
    cluster.until_gone(DEFINITION)
    cluster.until_gone(f"/api/v1/namespaces/{SYSTEM}")
