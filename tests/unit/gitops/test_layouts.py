"""The layouts of examples/gitops: what Argo CD and Flux are pointed at is there, and they may apply it.

Neither runs in tests. What a mistake in their manifests would be about is checked instead: paths and values
of charts, names that refer to each other, namespaces, and what an AppProject lets through.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.charts.kustomization import build
from tests.unit.charts.rendering import Object, render

ROOT = Path(__file__).resolve().parents[3]
GITOPS = ROOT / "examples" / "gitops"
WAVE = "argocd.argoproj.io/sync-wave"


class Part(NamedTuple):
    """What an engine makes of one folder of the repository."""

    path: str
    namespace: str
    values: Object


@functools.cache
def objects(folder: str) -> tuple[Object, ...]:
    return tuple(build(GITOPS / folder))


def named(items: Iterable[Object], kind: str) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in items if item["kind"] == kind}


PROJECT = named(objects("argocd"), "AppProject")["gagarin"]
ROOT_APPLICATION = named(objects("argocd"), "Application")["gagarin-root"]
APPLICATIONS = named(objects("argocd/apps"), "Application")
KUSTOMIZATIONS = named(objects("flux"), "Kustomization")
RELEASES = named(objects("flux/operator"), "HelmRelease")


def by_argo_cd() -> list[Part]:
    specs = [application["spec"] for application in APPLICATIONS.values()]
    return [
        Part(
            spec["source"]["path"],
            spec["destination"]["namespace"],
            spec["source"].get("helm", {}).get("valuesObject", {}),
        )
        for spec in specs
    ]


def by_flux() -> list[Part]:
    charts = [release["spec"] for release in RELEASES.values()]
    return [
        *(
            Part(_inside(spec["chart"]["spec"]["chart"]), spec["targetNamespace"], spec.get("values", {}))
            for spec in charts
        ),
        Part(_inside(KUSTOMIZATIONS["agents"]["spec"]["path"]), "gagarin-example-gitops", {}),
    ]


def _inside(path: str) -> str:
    """Flux wants paths to begin with a dot."""
    assert path.startswith("./")
    return path.removeprefix("./")


def made(part: Part) -> list[Object]:
    """The objects of a chart or of a kustomization; a wrong path or value fails here."""
    folder = ROOT / part.path
    if (folder / "Chart.yaml").exists():
        return render(folder.name, values=part.values, release=folder.name)
    return build(folder)


def test_both_engines_bring_the_same_into_the_same_namespaces() -> None:
    assert sorted(by_argo_cd()) == sorted(by_flux())
    assert [part.path for part in sorted(by_flux())] == [
        "charts/gagarin",
        "charts/gagarin-crds",
        "examples/gitops/external-secrets",
    ]


@pytest.mark.parametrize("part", by_argo_cd(), ids=lambda part: part.path)
def test_what_is_pointed_at_is_there_and_stays_in_its_namespace(part: Part) -> None:
    namespaces = {item["metadata"].get("namespace", part.namespace) for item in made(part)}
    assert namespaces == {part.namespace}


def test_the_image_is_one_that_the_operator_gets() -> None:
    (part,) = (each for each in by_argo_cd() if each.values)
    (deployment,) = (item for item in made(part) if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/gagarin:0.1.0"


@pytest.mark.parametrize(
    "application", [ROOT_APPLICATION, *APPLICATIONS.values()], ids=lambda it: it["metadata"]["name"]
)
def test_the_project_lets_an_application_through(application: Object) -> None:
    spec = application["spec"]
    assert spec["project"] == PROJECT["metadata"]["name"]
    assert spec["source"]["repoURL"] in PROJECT["spec"]["sourceRepos"]
    assert spec["destination"] in PROJECT["spec"]["destinations"]
    assert (ROOT / spec["source"]["path"]).is_dir()


def test_the_project_lets_exactly_the_cluster_wide_kinds_through_that_there_are() -> None:
    allowed = {(kind["group"], kind["kind"]) for kind in PROJECT["spec"]["clusterResourceWhitelist"]}
    assert allowed == {
        (item["apiVersion"].rpartition("/")[0], item["kind"])
        for part in by_argo_cd()
        for item in made(part)
        if "namespace" not in item["metadata"]
    }


def test_the_root_brings_every_application() -> None:
    assert ROOT / ROOT_APPLICATION["spec"]["source"]["path"] == GITOPS / "argocd" / "apps"
    assert ROOT_APPLICATION["spec"]["destination"]["namespace"] == PROJECT["metadata"]["namespace"]
    assert {item["metadata"]["namespace"] for item in APPLICATIONS.values()} == {"argocd"}


def test_definitions_come_first_then_the_operator_then_agents() -> None:
    order = sorted(APPLICATIONS, key=lambda name: int(APPLICATIONS[name]["metadata"]["annotations"][WAVE]))
    assert order == ["gagarin-crds", "gagarin", "agents"]
    waves = [int(APPLICATIONS[name]["metadata"]["annotations"][WAVE]) for name in order]
    assert all(earlier < later for earlier, later in pairwise(waves))


def test_no_engine_takes_definitions_away() -> None:
    assert APPLICATIONS["gagarin-crds"]["spec"]["syncPolicy"]["automated"]["prune"] is False
    assert "ServerSideApply=true" in APPLICATIONS["gagarin-crds"]["spec"]["syncPolicy"]["syncOptions"]
    for definition in render("gagarin-crds", values=RELEASES["gagarin-crds"]["spec"].get("values")):
        assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("items", [KUSTOMIZATIONS, RELEASES], ids=["Kustomization", "HelmRelease"])
def test_dependencies_of_flux_name_what_is_beside_them(items: dict[str, Object]) -> None:
    needed = {
        name: [each["name"] for each in item["spec"].get("dependsOn", ())] for name, item in items.items()
    }
    assert all(set(names) <= items.keys() - {name} for name, names in needed.items())
    assert sum(bool(names) for names in needed.values()) == len(items) - 1


def test_flux_installs_the_operator_before_agents_and_definitions_before_the_operator() -> None:
    assert KUSTOMIZATIONS["agents"]["spec"]["dependsOn"] == [{"name": "gagarin-operator"}]
    assert ROOT / _inside(KUSTOMIZATIONS["gagarin-operator"]["spec"]["path"]) == GITOPS / "flux" / "operator"
    assert RELEASES["gagarin"]["spec"]["dependsOn"] == [{"name": "gagarin-crds"}]
    assert all(item["spec"]["wait"] for item in KUSTOMIZATIONS.values())


def test_sources_of_flux_are_there() -> None:
    repositories = named(objects("flux"), "GitRepository")
    references = [item["spec"]["sourceRef"] for item in KUSTOMIZATIONS.values()]
    references += [item["spec"]["chart"]["spec"]["sourceRef"] for item in RELEASES.values()]
    assert {(ref["kind"], ref["name"]) for ref in references} == {
        ("GitRepository", name) for name in repositories
    }
    namespaces = {item["metadata"]["namespace"] for item in (*objects("flux"), *objects("flux/operator"))}
    assert namespaces == {"flux-system"}
    assert {item["spec"]["url"] for item in repositories.values()} == set(PROJECT["spec"]["sourceRepos"])


def test_the_secret_of_the_provider_is_made_from_a_store_that_is_there() -> None:
    items = objects("external-secrets")
    (external,) = named(items, "ExternalSecret").values()
    (provider,) = named(items, "Provider").values()
    store = named(items, "SecretStore")[external["spec"]["secretStoreRef"]["name"]]
    account = store["spec"]["provider"]["vault"]["auth"]["kubernetes"]["serviceAccountRef"]["name"]
    assert account in named(items, "ServiceAccount")
    made_keys = [
        (external["spec"]["target"]["name"], entry["secretKey"]) for entry in external["spec"]["data"]
    ]
    wanted = provider["spec"]["apiKey"]["secretKeyRef"]
    assert made_keys == [(wanted["name"], wanted["key"])]


def test_a_key_is_in_none_of_the_folders() -> None:
    assert not [
        item
        for folder in ("agents", "external-secrets")
        for item in objects(folder)
        if item["kind"] == "Secret"
    ]
