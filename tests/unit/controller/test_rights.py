"""The page about the operator's rights says what the manifests grant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[3]
Right = tuple[str, str, str, str]


def documented() -> set[Right]:
    """Every single right on the page: group, resource, name, verb."""
    lines = (REPOSITORY / "docs" / "operator-rights.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in lines if line.startswith("| ")]
    found = set()
    for group, resources, verbs, _ in rows[1:]:
        for resource in resources.split(", "):
            plural, _, name = resource.partition(" ")
            for verb in verbs.split(", "):
                found.add(("" if group == "core" else group, plural, name.strip("`"), verb))
    return found - {("API group", "resources", "", "verbs")}


def granted() -> set[Right]:
    documents = yaml.safe_load_all((REPOSITORY / "manifests" / "operator.yaml").read_text())
    roles = [
        each
        for each in documents
        if each
        and each["kind"] in ("ClusterRole", "Role")
        and each["metadata"]["name"].startswith("gagarin-operator")
    ]
    assert {role["kind"] for role in roles} == {"ClusterRole", "Role"}
    return {right for role in roles for rule in role["rules"] for right in rights(rule)}


def rights(rule: dict[str, Any]) -> set[Right]:
    return {
        (group, resource, name, verb)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def test_every_right_is_documented_and_every_documented_right_is_granted() -> None:
    assert documented() == granted()


def test_there_are_no_wildcards() -> None:
    assert not any("*" in right for right in granted())
