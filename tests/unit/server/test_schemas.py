"""Schemas of strangers: what fits, what is said of what does not, and what cannot do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server import schemas
from gagarin.server.schemas import Schema, SchemaError, pointed


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"allOf": [schema]}
    return schema


def doubling(levels: int) -> dict[str, Any]:
    """A schema of which each level refers to the next one twice."""
    steps = {f"s{level}": {"allOf": [{"$ref": f"#/$defs/s{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/s0", "$defs": {**steps, f"s{levels}": {"type": "object"}}}


def test_what_fits_has_no_faults() -> None:
    assert Schema({"type": "object", "required": ["a"]}).faults({"a": 1}) == []


def test_a_fault_says_where_and_what() -> None:
    schema = Schema({"properties": {"a": {"items": {"type": "integer"}}}, "required": ["b"]})
    assert sorted(schema.faults({"a": [1, "x"]})) == [
        '/: "b" is a required property',
        '/a/1: "x" is not of type "integer"',
    ]


def test_only_the_first_faults_are_told() -> None:
    schema = Schema({"items": {"type": "string"}})
    assert len(schema.faults(list(range(100)))) == schemas.MAX_FAULTS


def test_a_fault_does_not_quote_a_long_value() -> None:
    (fault,) = Schema({"type": "integer"}).faults("x" * 10_000)
    assert len(fault) < 400


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
    ],
)
def test_a_schema_that_only_refers_to_itself_allows_anything(schema: dict[str, Any]) -> None:
    assert Schema(schema).faults({"a": 1}) == []


def test_a_schema_may_contain_itself() -> None:
    tree = Schema({"type": "object", "properties": {"child": {"$ref": "#"}}})
    assert tree.faults({"child": {"child": {}}}) == []
    assert tree.faults({"child": {"child": 1}}) == ['/child/child: 1 is not of type "object"']


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "objct"}, "not valid"),
        ({"$ref": "#/$defs/none"}, "there is nothing at"),
        ({"$ref": "http://169.254.169.254/latest"}, "only references such as"),
        ({"$ref": "#name", "$anchor": "name"}, "only references such as"),
        ({"$schema": "http://somewhere/else"}, "meta-schema"),
        ({"pattern": "(a{1000}){1000}"}, "regex"),
        ({"pattern": "("}, "regex"),
        ({"description": "x" * 300_000}, "longer than"),
        (doubling(30), "multiply"),
        (nested(3000), "recursion"),
        ({"enum": [float("inf")], "x": object()}, "Encoding"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_the_reason(schema: dict[str, Any], why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        Schema(schema)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(?=(a+)+$)(a|aa)+\\1$"])
def test_a_pattern_that_never_ends_elsewhere_ends_here(pattern: str) -> None:
    assert Schema({"pattern": pattern}).faults("a" * 60 + "b")


def test_a_pattern_may_look_ahead() -> None:
    schema = Schema({"pattern": "^(?!x)a+$"})
    assert (schema.faults("aa"), len(schema.faults("xa"))) == ([], 1)


def test_an_older_draft_is_read_by_its_own_rules() -> None:
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    assert Schema(schema).faults(1)


def test_a_property_may_be_called_like_a_keyword() -> None:
    assert Schema({"properties": {"$ref": {"type": "integer"}}}).faults({"$ref": "x"})


@pytest.mark.parametrize(("reference", "found"), [("#", 0), ("#/a/b~1c/0", 1), ("#/a/d~0%20e", 2)])
def test_references_are_json_pointers(reference: str, found: int) -> None:
    document: dict[str, Any] = {"a": {"b/c": [1], "d~ e": 2}}
    assert pointed(document, reference) == (found or document)


@pytest.mark.parametrize("reference", ["other#/a", "#a", "#/a/x", "#/a/b/9", "#/a/b/c/d", "#/s/x"])
def test_a_reference_to_nothing_is_told(reference: str) -> None:
    with pytest.raises(LookupError):
        pointed({"a": {"b": [1]}, "s": "text"}, reference)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$ref", "type", "allOf", "properties", "items", "pattern", "enum", "$defs", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(
    st.dictionaries(
        st.sampled_from(["$ref", "type", "anyOf", "properties", "not", "pattern"]), JSON, max_size=4
    ),
    JSON,
)
def test_no_schema_and_no_value_do_anything_worse_than_an_error(schema: dict[str, Any], value: Any) -> None:
    try:
        Schema(schema).faults(value)
    except SchemaError:
        return


def test_a_value_that_is_no_json_is_a_fault() -> None:
    assert Schema({"type": "object"}).faults({1: 2}) == ["Dict key must be str or str enum. Got 'int'"]


def test_text_that_is_no_json_is_a_value_error() -> None:
    assert schemas.decode('{"a": 1}') == {"a": 1}
    for text in ("", "{", "[" * 100_000):
        with pytest.raises(ValueError):
            schemas.decode(text)
