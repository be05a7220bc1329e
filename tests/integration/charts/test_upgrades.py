"""Upgrades by helm with Instances running: what is written and what is not; and what uninstalling leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.charts.installation import GROUP, SYSTEM, Installation, Object
from tests.integration.charts.operator import running_operator

NAMESPACE = "team"
KINDS = (
    *("api/v1/serviceaccounts", "api/v1/configmaps", "api/v1/services"),
    *("apis/apps/v1/deployments", "apis/rbac.authorization.k8s.io/v1/rolebindings"),
    *("apis/networking.k8s.io/v1/networkpolicies", "apis/policy/v1/poddisruptionbudgets"),
)
SELECTOR = "labelSelector=gagarin.fyodorov.ai/instance%3Dhelper"
IMAGE = "example.com/gagarin"


def ours(kind: str, name: str, spec: Object, namespace: str = NAMESPACE) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def resources(namespace: str = NAMESPACE) -> list[Object]:
    """All that an Instance `helper` with two pods needs."""
    model = {"providerRef": {"name": "models"}, "name": "m"}
    return [
        ours("Provider", "models", {"type": "OpenAICompatible", "url": "http://models.svc/v1"}, namespace),
        ours("Agent", "helper", {"prompt": "You help.", "model": model}, namespace),
        ours("Instance", "helper", instance(replicas=2), namespace),
    ]


def instance(**spec: object) -> Object:
    return {"agentRef": {"name": "helper"}, "history": {"type": "None"}, **spec}


@pytest.fixture(scope="module")
def definitions(cluster: Installation) -> Installation:
    cluster.install("gagarin-crds", "--wait")
    for name in (NAMESPACE, "foreign"):
        cluster.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return cluster


@pytest.fixture
def installed(definitions: Installation) -> Iterator[Installation]:
    """Version 1 of operator and chat servers; nobody's objects are left behind."""
    definitions.install("gagarin", "--reset-values", *images(operator="1", instances="1"))
    yield definitions
    for name in (NAMESPACE, "foreign"):
        definitions.kubectl("delete", "gagarin", "--all", "--namespace", name, "--wait=false")
        definitions.until_empty(path_of("apis/apps/v1/deployments", name))


def images(*, operator: str, instances: str) -> tuple[str, ...]:
    said = {"image.repository": IMAGE, "image.tag": operator, "instances.image.tag": instances}
    return tuple(part for name, value in said.items() for part in ("--set-string", f"{name}={value}"))


def apply(cluster: Installation, items: list[Object]) -> None:
    for item in items:
        collection = (
            f"/apis/{GROUP}/v1alpha1/namespaces/{item['metadata']['namespace']}/{item['kind'].lower()}s"
        )
        answer = cluster.plane.apply(item, collection)
        assert answer.status in (200, 201), answer.message


def path_of(kind: str, namespace: str = NAMESPACE, name: str = "") -> str:
    group, _, plural = kind.rpartition("/")
    return f"/{group}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def children(cluster: Installation) -> dict[str, str]:
    """Every child of the Instance, with the version that changes when anybody writes its spec or metadata."""
    found = {}
    for kind in KINDS:
        for item in cluster.plane.call("GET", f"{path_of(kind)}?{SELECTOR}").body["items"]:
            generation = item["metadata"].get("generation") or item["metadata"]["resourceVersion"]
            applied = item["metadata"]["annotations"]["gagarin.fyodorov.ai/applied"]
            found[f"{kind}/{item['metadata']['name']}"] = f"{generation} {applied}"
    return found


def settle(cluster: Installation, marker: str) -> None:
    """Return when the operator has come by everything that was there: it makes a newcomer in the end."""
    apply(cluster, [ours("Instance", marker, instance())])
    cluster.plane.until(path_of("apis/apps/v1/deployments", name=marker), lambda _: True)


def test_an_upgrade_of_the_operator_alone_writes_no_child(installed: Installation, tmp_path: Path) -> None:
    with running_operator(installed, tmp_path):
        apply(installed, resources())
        settle(installed, "first")
    before = children(installed)
    assert len(before) >= 6
    other = (
        "--set",
        "workers=3",
        "--set",
        "log.level=debug",
        "--set",
        "policy.annotationPrefixes={example.com/}",
    )
    installed.install("gagarin", "--reuse-values", *images(operator="2", instances="1"), *other)
    with running_operator(installed, tmp_path):
        settle(installed, "second")
    assert children(installed) == before


def test_another_image_of_instances_rolls_them_and_writes_nothing_else(
    installed: Installation, tmp_path: Path
) -> None:
    with running_operator(installed, tmp_path):
        apply(installed, resources())
        settle(installed, "first")
    before = children(installed)
    installed.install("gagarin", "--reuse-values", *images(operator="2", instances="2"))
    with running_operator(installed, tmp_path):
        installed.plane.until(path_of("apis/apps/v1/deployments", name="helper"), _runs(f"{IMAGE}:2"))
    after = children(installed)
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {"apis/apps/v1/deployments/helper"}
    assert {name.rpartition("/")[0] for name in after.keys() - before.keys()} == {"api/v1/configmaps"}


def _runs(image: str) -> Callable[[Object], bool]:
    def holds(deployment: Object) -> bool:
        return any(each["image"] == image for each in deployment["spec"]["template"]["spec"]["containers"])

    return holds


def test_with_roles_only_the_operator_serves_its_namespaces_and_is_never_refused(
    installed: Installation, tmp_path: Path
) -> None:
    installed.install("gagarin", "--reuse-values", "--set", f"watchNamespaces={{{NAMESPACE}}}")
    with running_operator(installed, tmp_path):
        apply(installed, [*resources("foreign"), *resources()])
        installed.plane.until(path_of("apis/apps/v1/deployments", name="helper"), lambda _: True)
        settle(installed, "newcomer")
        status = installed.plane.call(
            "GET", f"{path_of(f'apis/{GROUP}/v1alpha1/instances', 'foreign', 'helper')}"
        )
        assert status.body["status"] == {"observedGeneration": -1}
    assert installed.plane.call("GET", path_of("apis/apps/v1/deployments", "foreign", "helper")).status == 404


def test_uninstalling_leaves_what_users_made_and_what_runs_and_says_so(
    installed: Installation, tmp_path: Path
) -> None:
    with running_operator(installed, tmp_path):
        apply(installed, resources())
        settle(installed, "first")
    before = children(installed)
    said = " ".join(installed.helm("get", "notes", "gagarin", "--namespace", SYSTEM).split())
    assert (
        "Uninstalling this release leaves every Provider, Model, Tool, Agent and Instance, and the pods"
        in said
    )
    installed.helm("uninstall", "gagarin", "--namespace", SYSTEM)
    assert children(installed) == before
    for kind in ("providers", "agents", "instances"):
        assert installed.plane.call("GET", path_of(f"apis/{GROUP}/v1alpha1/{kind}")).body["items"]
    installed.install("gagarin", "--reset-values", *images(operator="1", instances="1"))
    with running_operator(installed, tmp_path):
        settle(installed, "second")
    assert children(installed) == before
