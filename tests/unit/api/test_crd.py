"""The generator: deterministic, in step with the repository, and complete."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.api.crd import crds, files, out_of_step, write

REPOSITORY = Path(__file__).parents[3]
FORBIDDEN = {"$ref", "$defs", "title", "const", "exclusiveMinimum", "propertyNames", "x-default"}


def _parts(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a CRD with its path."""
    if path:
        yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from _parts(field, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from _parts(schema[inner], f"{path}[]")


def _all_parts() -> list[tuple[str, dict[str, Any]]]:
    roots = ((crd["spec"]["names"]["kind"], crd["spec"]["versions"][0]) for crd in crds())
    return [
        (f"{kind}{path}", part)
        for kind, version in roots
        for path, part in _parts(version["schema"]["openAPIV3Schema"])
        if path != ".metadata"
    ]


PARTS = _all_parts()


def test_the_crds_in_the_repository_are_in_step() -> None:
    assert out_of_step(REPOSITORY / "crds") == []


def test_every_field_has_a_description() -> None:
    assert [path for path, part in PARTS if not part.get("description") and not path.endswith("[]")] == []


def test_every_text_list_and_map_is_bounded() -> None:
    bounds = {"string": "maxLength", "array": "maxItems"}
    loose = [
        path
        for path, part in PARTS
        if part.get("type") in bounds and not {bounds[part["type"]], "enum", "format"} & part.keys()
    ]
    assert [
        path for path in loose if not path.endswith((".apiVersion", ".kind")) and "ParamsPatch" not in path
    ] == [
        "Instance.spec.overrides.params.reasoningEffort"  # bounded by its pattern
    ]
    maps = [(path, part) for path, part in PARTS if "additionalProperties" in part]
    assert [path for path, part in maps if "maxProperties" not in part] == []


def test_nothing_is_left_of_what_is_not_structural() -> None:
    assert [path for path, part in PARTS if FORBIDDEN & part.keys()] == []
    assert [
        path for path, part in PARTS if "anyOf" in part and "x-kubernetes-int-or-string" not in part
    ] == []


def test_no_member_of_a_union_has_a_default() -> None:
    with_default = [path for path, part in PARTS if isinstance(part.get("default"), dict)]
    assert with_default == [f"{kind}.status" for kind in ("Provider", "Model", "Tool", "Agent")] + [
        "Instance.spec.history",
        "Instance.status",
    ]


def test_there_are_no_booleans_for_modes() -> None:
    assert [path for path, part in PARTS if part.get("type") == "boolean"] == ["Instance.spec.suspend"]


def test_references_have_one_shape() -> None:
    shapes = {
        tuple(part["properties"])
        for path, part in PARTS
        if path.removesuffix("[]").endswith(("Ref", "Refs")) and "KeyRef" not in path and "properties" in part
    }
    assert shapes == {("name", "namespace"), ("fieldPath",)}  # the last is a pod's own


def test_what_is_left_over_is_removed_and_what_is_changed_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    assert out_of_step(tmp_path) == []
    (tmp_path / "old.yaml").write_text("x")
    (tmp_path / "agents.yaml").write_text("x")
    (tmp_path / "tools.yaml").unlink()
    assert out_of_step(tmp_path) == ["agents.yaml", "old.yaml", "tools.yaml"]
    write(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files()


@pytest.mark.parametrize("stale", [False, True])
def test_the_command_says_what_is_not_in_step(tmp_path: Path, stale: bool) -> None:
    write(tmp_path)
    if stale:
        (tmp_path / "agents.yaml").write_text("x")
    command = [sys.executable, "-m", "gagarin.api.crd", str(tmp_path), "--check"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (outcome.returncode, "agents.yaml is not in step" in outcome.stderr) == (int(stale), stale)


def test_the_yaml_is_what_was_generated() -> None:
    assert [yaml.safe_load(text) for text in files().values()] == crds()
