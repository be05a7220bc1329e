"""The JSON Schemas for editors: draft 7, strict, and in step with the definitions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from gagarin.cli.errors import CommandError
from gagarin.cli.schemas import ALL, files, out_of_step, write
from tests.unit.api.examples import ACCEPTED, UNKNOWN_FIELD, Example

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS: dict[str, Any] = {name: json.loads(text) for name, text in files().items()}


def of_kind(kind: str) -> Any:
    return SCHEMAS[f"gagarin.fyodorov.ai/{kind.lower()}_v1alpha1.json"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_a_schema(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])
    assert "x-kubernetes" not in files()[name]


@pytest.mark.parametrize("example", ACCEPTED, ids=str)
def test_what_the_api_server_takes_is_valid(example: Example) -> None:
    jsonschema.validate(example.item, of_kind(example.item["kind"]), jsonschema.Draft7Validator)


def test_an_unknown_field_is_not_valid() -> None:
    with pytest.raises(jsonschema.ValidationError, match="promt"):
        jsonschema.validate(UNKNOWN_FIELD.item, of_kind("Agent"), jsonschema.Draft7Validator)


REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


def judged(item: Any) -> list[str]:
    """What the schema of all kinds says to an object."""
    validator = jsonschema.Draft7Validator(SCHEMAS[ALL], registry=REGISTRY)
    return [error.message for error in validator.iter_errors(item)]


def test_the_schema_of_all_kinds_decides_by_kind_and_leaves_others_alone() -> None:
    assert [judged(example.item) for example in ACCEPTED if judged(example.item)] == []
    assert any("promt" in message for message in judged(UNKNOWN_FIELD.item))
    assert judged({"apiVersion": "v1", "kind": "Secret", "anything": 1}) == []
    assert judged({"apiVersion": "pkg.crossplane.io/v1", "kind": "Provider", "spec": {"package": "p"}}) == []


def test_what_is_written_is_in_step_until_somebody_changes_it(tmp_path: Path) -> None:
    assert set(out_of_step(tmp_path)) == set(files())
    assert write(tmp_path) == list(files())
    assert out_of_step(tmp_path) == []
    (tmp_path / ALL).write_text("{}")
    assert out_of_step(tmp_path) == [ALL]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=f"^{tmp_path / 'file'}[^:]*: "):
        write(tmp_path / "file")


def test_the_schemas_in_the_repository_are_in_step() -> None:
    assert out_of_step(ROOT / "crds" / "schemas") == []
