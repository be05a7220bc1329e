"""The roles for people, by doing as each of them what the role says and what it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.integration.charts.installation import GROUP, Installation, Object

NAMESPACE = "people"
SPECS: dict[str, Object] = {
    "Provider": {"type": "OpenAI"},
    "Model": {"providerRef": {"name": "x"}, "model": "m"},
    "Tool": {"type": "MCP", "mcp": {"url": "http://x/mcp"}},
    "Agent": {"prompt": "p", "modelRef": {"name": "x"}},
    "Instance": {"agentRef": {"name": "x"}},
}
PEOPLE = {
    "edith": "gagarin-edit",
    "arthur": "gagarin-author",
    "violet": "gagarin-view",
    "chad": "gagarin-chat",
}
WRITES = {"edith": set(SPECS), "arthur": {"Agent", "Model"}, "violet": set[str](), "chad": set[str]()}


@pytest.fixture(scope="module")
def people(cluster: Installation) -> Iterator[Installation]:
    """Somebody for each role, bound in one namespace, where one of each kind exists."""
    cluster.install("gagarin-crds", "--wait")
    cluster.install("gagarin", "--reset-values")
    cluster.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for person, role in PEOPLE.items():
        named = (person, "--clusterrole", role, "--user", person, "--namespace", NAMESPACE)
        cluster.kubectl("create", "rolebinding", *named)
    for kind, spec in SPECS.items():
        assert cluster.plane.apply(manifest(kind, spec), collection(kind)).status == 201
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def manifest(kind: str, spec: Object, name: str = "x") -> Object:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def collection(kind: str) -> str:
    return f"/apis/{GROUP}/v1alpha1/namespaces/{NAMESPACE}/{kind.lower()}s"


def says(cluster: Installation, person: str, *command: str, stdin: str = "") -> str:
    return cluster.said_by_kubectl(*command, "--namespace", NAMESPACE, "--as", person, stdin=stdin)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("kind", SPECS)
def test_each_writes_exactly_the_kinds_of_the_role(people: Installation, person: str, kind: str) -> None:
    allowed = kind in WRITES[person]
    made = says(
        people,
        person,
        "create",
        "--dry-run=server",
        "-f",
        "-",
        stdin=yaml.safe_dump(manifest(kind, SPECS[kind], "another")),
    )
    gone = says(people, person, "delete", "--dry-run=server", f"{kind.lower()}.{GROUP}", "x")
    assert ("created" in made, "deleted" in gone) == (allowed, allowed), made + gone
    assert allowed or ("is forbidden" in made and "is forbidden" in gone)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("kind", SPECS)
def test_all_but_those_who_chat_see_all_kinds(people: Installation, person: str, kind: str) -> None:
    said = says(people, person, "get", f"{kind.lower()}.{GROUP}", "x", "--output", "name")
    assert (f"{kind.lower()}.{GROUP}/x" in said) == (person != "chad"), said


@pytest.mark.parametrize("person", PEOPLE)
def test_only_those_who_chat_may_chat_and_nobody_writes_a_status(people: Installation, person: str) -> None:
    for verb in ("create", "get", "delete"):
        chats = people.may(person, verb, "instances/chat", NAMESPACE, GROUP, "x")
        assert chats == (person == "chad")
    assert not people.may(person, "impersonate", "instances/chat", NAMESPACE, GROUP, "x")
    assert not people.may(person, "patch", "instances/status", NAMESPACE, GROUP, "x")
    assert not people.may(person, "get", "secrets", NAMESPACE)


def test_only_editors_scale(people: Installation) -> None:
    said = {
        person: says(people, person, "scale", "--dry-run=server", "--replicas=0", f"instance.{GROUP}/x")
        for person in PEOPLE
    }
    assert {person for person, text in said.items() if "scaled" in text} == {"edith"}, said


def test_none_of_them_counts_in_another_namespace(people: Installation) -> None:
    for person in PEOPLE:
        assert not people.may(person, "get", "agents", "default", GROUP)
        assert not people.may(person, "create", "instances/chat", "default", GROUP)
