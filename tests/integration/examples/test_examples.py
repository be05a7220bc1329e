"""Every example is taken as it stands by a real API server, and understood by the real operator.

All of them are applied at once, into one cluster with one operator.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from gagarin.cli.main import app
from gagarin.core.objects import Object
from gagarin.kube.resources import DEPLOYMENT, INSTANCE, NAMESPACE
from scripts.manifests import program
from tests.integration.controller.proxy import Proxy
from tests.integration.controller.world import World
from tests.integration.controlplane import ControlPlane
from tests.integration.examples.folders import (
    EXAMPLES,
    FOREIGN,
    applied,
    files,
    group_of,
    is_foreign,
    on_cluster,
)

PLACEHOLDERS = ("replace-me", "not-a-real")
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda folder: folder.name)


@pytest.fixture(scope="module")
def plane(crds: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The cluster with an operator for all namespaces and every example in it."""
    crds.start_controllers()
    proxy = Proxy(crds.server, crds.ca_file)
    world = World(crds, proxy, tmp_path_factory.mktemp("examples"), "operator-of-examples")
    items = [item for example in EXAMPLES for item in on_cluster(example)]
    try:
        assert crds.call("POST", NAMESPACE.path(), {"metadata": {"name": world.namespace}}).status == 201
        world.start(everywhere=True)
        apply(crds, items, world.folder)
        yield crds
    finally:
        world.end()
        proxy.stop()
        for item in items:
            if item["kind"] == "Namespace":
                crds.call("DELETE", NAMESPACE.path(None, item["metadata"]["name"]))


def apply(plane: ControlPlane, items: Sequence[Object], cache: Path) -> None:
    """`kubectl apply --server-side`: unknown fields are refused, and so is what it warns of (pods that the
    Pod Security Standard of their namespace would not let in)."""
    command = [program("kubectl"), "apply", "--server-side", "--validate=strict", "--filename", "-"]
    options = ["--kubeconfig", str(plane.kubeconfig), "--cache-dir", str(cache)]
    documents = yaml.safe_dump_all(items)
    done = subprocess.run([*command, *options], input=documents, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def instances(example: Path) -> list[Object]:
    return [item for item in applied(example) if item["kind"] == "Instance"]


def is_understood(instance: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in instance.get("status", {}).get("conditions", ())}
    return conditions.get("Accepted") == conditions.get("ResolvedRefs") == "True"


@each_example
def test_the_api_server_takes_it_and_the_operator_runs_it(plane: ControlPlane, example: Path) -> None:
    for instance in instances(example):
        place = instance["metadata"]["namespace"], instance["metadata"]["name"]
        plane.until(INSTANCE.path(*place), is_understood)
        plane.until(DEPLOYMENT.path(*place), lambda found: bool(found["spec"]["template"]))


@each_example
@pytest.mark.parametrize("command", ["lint", "render"])
def test_offline_commands_have_nothing_to_complain_about(example: Path, command: str, tmp_path: Path) -> None:
    foreign = filter(is_foreign, applied(example))
    documents = yaml.safe_dump_all([*on_cluster(example), *foreign])
    (tmp_path / "built.yaml").write_text(documents, encoding="utf-8")
    done = CliRunner().invoke(app, [command, "-f", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert command == "render" or done.stdout == "nothing to complain about\n"


@each_example
def test_its_readme_names_every_file(example: Path) -> None:
    readme = (example / "README.md").read_text(encoding="utf-8")
    names = {str(file.relative_to(example)) for file in files(example)} - {"README.md", "kustomization.yaml"}
    assert [name for name in sorted(names) if name not in readme] == []


@each_example
def test_it_has_an_instance_and_keeps_to_its_own_namespaces(example: Path) -> None:
    assert instances(example)
    made = {item["metadata"]["name"] for item in applied(example) if item["kind"] == "Namespace"}
    own = [item["metadata"] for item in on_cluster(example)]
    assert {metadata["namespace"] for metadata in own if "namespace" in metadata} <= made


@each_example
def test_its_keys_are_placeholders(example: Path) -> None:
    secrets = [item for item in applied(example) if item["kind"] == "Secret"]
    values = [value for secret in secrets for value in secret.get("stringData", {}).values()]
    assert [value for value in values if not any(word in value for word in PLACEHOLDERS)] == []
    assert not any("data" in secret for secret in secrets)


def test_what_is_not_applied_is_known() -> None:
    foreign = {group_of(item) for example in EXAMPLES for item in applied(example) if is_foreign(item)}
    assert foreign == FOREIGN.keys()
