"""The generated reference has all that it is about; `scripts/generate` tells whether it is up to date."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from gagarin.cli.main import app
from gagarin.core.reasons import REASONS
from gagarin.core.vendors import VENDORS
from scripts.reference import commandline, conditions, httpapi, resources, services, vendors

DOCUMENTS = {"chat server": services.chat_server(), "gateway": services.gateway()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_route_and_every_type_of_an_api_has_its_heading(name: str) -> None:
    document = DOCUMENTS[name]
    page = httpapi.page("# It\n", document)
    for path, operations in document["paths"].items():
        assert all(f"### `{method.upper()} {path}`\n" in page for method in operations)
    types = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    assert types == set(document["components"]["schemas"])
    assert {link.lower() for link in re.findall(r"\]\(#(\w+)\)", page)} <= {each.lower() for each in types}


def test_paths_that_are_there_twice_can_be_left_out() -> None:
    page = httpapi.page("# It\n", DOCUMENTS["gateway"], skip="/ns/")
    assert "`GET /agents`" in page
    assert "/ns/" not in page


def test_a_schema_is_said_in_words() -> None:
    schema: dict[str, Any] = {
        "properties": {
            "size": {"type": "integer", "minimum": 1, "default": 3, "description": "How | many"},
            "shape": {"anyOf": [{"const": "round"}, {"type": "null"}]},
            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
        },
        "required": ["parts"],
    }
    page = httpapi.page("", {"paths": {}, "components": {"schemas": {"Whole": schema}}})
    assert "| `size` | integer | How \\| many *(default `3`, at least 1)* |" in page
    assert "| `shape` | `round` or null |" in page
    assert "| `parts` | list of [Part](#part) | *(required)* |" in page


def test_every_command_and_option_is_there() -> None:
    page = commandline.page()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # a group
        assert f"\n## {name}\n" in page
        options = [option for each in command.params if not each.hidden for option in each.opts]
        assert [option for option in options if option.startswith("-") and f"`{option}`" not in page] == []


def test_every_kind_reason_and_vendor_is_there() -> None:
    assert all(f"\n## {kind.title()}\n" in resources.page() for kind in resources.KINDS)
    assert all(f"`{reason.name}`" in conditions.page() for reason in REASONS)
    assert all(f"`{name}`" in vendors.page() for name in VENDORS)
