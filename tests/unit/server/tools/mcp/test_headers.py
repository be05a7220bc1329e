"""Arguments are repeated in headers by the rules, and functions that break the rules are found."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.tools.mcp.headers import Mirrored, encoded, mirrored, parameter_headers

REGION = {"type": "string", "x-mcp-header": "Region"}


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_marked_arguments_are_found_also_inside_of_others() -> None:
    marked = mirrored(
        schema(
            region=REGION,
            where={"type": "object", "properties": {"zone": {"type": "integer", "x-mcp-header": "Zone"}}},
            plain={"type": "string"},
            anything=True,
        )
    )
    assert set(marked) == {
        Mirrored(("region",), "Mcp-Param-Region"),
        Mirrored(("where", "zone"), "Mcp-Param-Zone"),
    }
    headers = parameter_headers(marked, {"region": "eu", "where": {"zone": 7}, "plain": "x"})
    assert headers == {"Mcp-Param-Region": "eu", "Mcp-Param-Zone": "7"}


def test_an_argument_that_is_not_there_has_no_header() -> None:
    marked = mirrored(
        schema(region=REGION, where={"properties": {"zone": {**REGION, "x-mcp-header": "Zone"}}})
    )
    assert parameter_headers(marked, {}) == {}
    assert parameter_headers(marked, {"region": None, "where": "nowhere"}) == {}
    assert parameter_headers(marked, {"region": ["list"]}) == {}


def test_booleans_are_lower_case() -> None:
    marked = mirrored(schema(dry={"type": "boolean", "x-mcp-header": "Dry"}))
    assert parameter_headers(marked, {"dry": True}) == {"Mcp-Param-Dry": "true"}


@pytest.mark.parametrize(
    "wrong",
    [
        schema(a={**REGION, "x-mcp-header": ""}),
        schema(a={**REGION, "x-mcp-header": "two words"}),
        schema(a={**REGION, "x-mcp-header": "line\nend"}),
        schema(a={**REGION, "x-mcp-header": 7}),
        schema(a={"type": "number", "x-mcp-header": "A"}),
        schema(a={"type": "object", "x-mcp-header": "A"}),
        schema(a=REGION, b={**REGION, "x-mcp-header": "region"}),
        schema(a={"type": "array", "items": REGION}),
        schema(a={"anyOf": [REGION]}),
        schema(a={"if": REGION}),
        {**schema(), "$defs": {"a": REGION}},
        {**schema(), "x-mcp-header": "Root"},
    ],
)
def test_marks_that_break_the_rules_are_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="x-mcp-header"):
        mirrored(wrong)


def test_an_argument_may_be_called_like_the_mark() -> None:
    odd = {"x-mcp-header": {"type": "string"}, "items": REGION, "$defs": {"type": "string"}}
    assert mirrored(schema(**odd)) == (Mirrored(("items",), "Mcp-Param-Region"),)


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("", "=?base64??="),
        ("a b\tc", "a b\tc"),
    ],
)
def test_values_are_written_as_the_specification_shows(value: str, header: str) -> None:
    assert encoded(value) == header


@given(st.text())
def test_no_value_ends_a_header_or_is_lost(value: str) -> None:
    header = encoded(value)
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    if header != value:
        inner = header.removeprefix("=?base64?").removesuffix("?=")
        assert base64.b64decode(inner) == value.encode(errors="replace")
