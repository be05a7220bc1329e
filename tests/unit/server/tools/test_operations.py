"""OpenAPI documents as functions: parameters, references, servers, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gagarin.server.schemas import Schema
from gagarin.server.tools import operations as operations_module
from gagarin.server.tools.operations import DocumentError, Operation, operations, parse

BASE = URL("https://api.example/docs/openapi.json")


def document(paths: Any = None, **more: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "servers": [{"url": "https://api.example/v1/"}], "paths": paths or {}, **more}


def one(spec: dict[str, Any], path: str = "/things", method: str = "get", **more: Any) -> Operation:
    """The only operation of a document."""
    reading = operations(document({path: {method: {"operationId": "op", **spec}}}, **more), BASE)
    assert reading.left_out == ()
    (operation,) = reading.operations
    Schema(operation.function.parameters)
    return operation


def why_left_out(spec: dict[str, Any], path: str = "/things", base: URL | None = BASE, **more: Any) -> str:
    reading = operations(document({path: {"get": {"operationId": "op", **spec}}}, **more), base)
    assert reading.operations == ()
    ((name, why),) = reading.left_out
    assert name == "op"
    return why


def parameter(name: str, place: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": {"type": "string"}, **more}


def test_an_operation_is_a_function_with_its_texts() -> None:
    operation = one({"summary": "List things.", "description": "All of them."})
    assert (operation.function.name, operation.method, operation.url) == (
        "op",
        "GET",
        "https://api.example/v1/things",
    )
    assert operation.function.description == "List things.\nAll of them."
    assert operation.function.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_without_an_id_it_is_called_after_method_and_path() -> None:
    reading = operations(document({"/things/{id}": {"get": {"parameters": [parameter("id", "path")]}}}), BASE)
    assert [found.function.name for found in reading.operations] == ["get_things_id"]


def test_parameters_of_path_and_operation_are_arguments() -> None:
    paths = {
        "/things/{id}": {
            "parameters": [parameter("id", "path"), parameter("page", schema={"type": "string"})],
            "get": {
                "operationId": "op",
                "parameters": [
                    parameter("page", required=True, schema={"type": "integer"}, description="Which.")
                ],
            },
        }
    }
    (operation,) = operations(document(paths), BASE).operations
    assert operation.function.parameters["properties"] == {
        "id": {"type": "string"},
        "page": {"type": "integer", "description": "Which."},
    }
    assert operation.function.parameters["required"] == ["id", "page"]


def test_parameters_of_the_same_name_are_told_apart_by_their_place() -> None:
    operation = one({"parameters": [parameter("id"), parameter("id", "header")]})
    assert [(p.key, p.name, p.place) for p in operation.parameters] == [
        ("id", "id", "query"),
        ("id_header", "id", "header"),
    ]


def test_headers_that_are_ours_and_optional_cookies_are_no_arguments() -> None:
    spec = {"parameters": [parameter("Authorization", "header", required=True), parameter("c", "cookie")]}
    assert one(spec).parameters == ()


def test_a_json_body_is_an_argument() -> None:
    content = {"text/xml": {}, "application/vnd.api+json": {"schema": {"type": "object"}}}
    operation = one({"requestBody": {"required": True, "content": content}}, method="post")
    assert (operation.body, operation.body_type) == ("body", "application/vnd.api+json")
    assert operation.function.parameters["required"] == ["body"]


def test_a_body_beside_a_parameter_called_body_has_another_name() -> None:
    body = {"content": {"*/*": {"schema": {"type": "object"}}}}
    operation = one({"parameters": [parameter("body")], "requestBody": body}, method="post")
    assert (operation.body, operation.body_type) == ("request_body", "application/json")


def test_an_optional_body_that_is_not_json_is_left_out() -> None:
    assert one({"requestBody": {"content": {"text/csv": {}}}}, method="post").body is None


def test_references_are_followed_for_parameters_and_bodies() -> None:
    components = {
        "parameters": {"Page": parameter("page"), "Alias": {"$ref": "#/components/parameters/Page"}},
        "requestBodies": {
            "B": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
        },
        "schemas": {
            "Pet": {"type": "object", "properties": {"friend": {"$ref": "#/components/schemas/Pet"}}}
        },
    }
    spec = {
        "parameters": [{"$ref": "#/components/parameters/Alias"}],
        "requestBody": {"$ref": "#/components/requestBodies/B"},
    }
    parameters = one(spec, method="post", components=components).function.parameters
    assert parameters["properties"]["body"] == {"$ref": "#/$defs/Pet"}
    assert parameters["$defs"] == {
        "Pet": {"type": "object", "properties": {"friend": {"$ref": "#/$defs/Pet"}}}
    }


def test_parts_of_the_same_name_in_different_places_stay_two() -> None:
    components = {"schemas": {"A": {"type": "string"}}, "other": {"A": {"type": "integer"}}}
    spec = {
        "parameters": [
            parameter("x", schema={"$ref": "#/components/schemas/A"}),
            parameter("y", schema={"$ref": "#/components/other/A"}),
        ]
    }
    parameters = one(spec, components=components).function.parameters
    assert parameters["$defs"] == {"A": {"type": "string"}, "A_1": {"type": "integer"}}


def test_openapi_3_0_is_translated_to_json_schema() -> None:
    schema = {
        "type": "object",
        "required": ["id", "size"],
        "example": {},
        "x-internal": 1,
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "size": {
                "type": "number",
                "minimum": 1,
                "exclusiveMinimum": True,
                "maximum": 9,
                "exclusiveMaximum": False,
            },
            "color": {"type": "string", "nullable": True, "enum": ["red"]},
            "example": {"type": "string"},
            "any": {
                "allOf": [{"type": "string", "nullable": True}],
                "additionalProperties": {"nullable": True, "type": "string"},
            },
        },
    }
    assert one({"parameters": [parameter("x", schema=schema)]}).function.parameters["properties"]["x"] == {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "number", "exclusiveMinimum": 1, "maximum": 9},
            "color": {"type": ["string", "null"], "enum": ["red", None]},
            "example": {"type": "string"},
            "any": {
                "allOf": [{"type": ["string", "null"]}],
                "additionalProperties": {"type": ["string", "null"]},
            },
        },
    }


def test_a_schema_may_be_true() -> None:
    assert one({"parameters": [parameter("x", schema=True)]}).function.parameters["properties"] == {"x": True}


def test_a_parameter_may_be_json_text() -> None:
    content = {
        "name": "filter",
        "in": "query",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    operation = one({"parameters": [content]})
    assert operation.parameters[0].json
    assert operation.function.parameters["properties"] == {"filter": {"type": "object"}}


@pytest.mark.parametrize(
    ("servers", "url"),
    [
        ([{"url": "/v2"}], "https://api.example/v2/things"),
        ([{"url": "../v2/"}], "https://api.example/v2/things"),
        ([], "https://api.example/things"),
        (
            [
                {
                    "url": "https://{region}.example/{v}",
                    "variables": {"region": {"default": "eu"}, "v": {"default": 3}},
                }
            ],
            "https://eu.example/3/things",
        ),
        ([{"url": "https://one"}, {"url": "https://two"}], "https://one/things"),
    ],
)
def test_servers_are_relative_to_the_document(servers: list[Any], url: str) -> None:
    assert one({}, servers=servers).url == url


def test_an_operation_may_have_a_server_of_its_own() -> None:
    assert one({"servers": [{"url": "https://other.example"}]}).url == "https://other.example/things"


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"parameters": [parameter("c", "cookie", required=True)]},
            "its parameter c in cookie cannot be sent",
        ),
        ({"requestBody": {"required": True, "content": {"text/csv": {}}}}, "its body is not JSON"),
        ({"parameters": [{"$ref": "#/components/none"}]}, "there is nothing at #/components/none"),
        ({"parameters": [{"$ref": "#/components/loop"}]}, "a reference in it leads nowhere"),
        ({"parameters": [parameter("x", schema={"$ref": "http://x/y"})]}, "only references such as"),
        ({"parameters": 7}, "its description is not OpenAPI"),
        ({"parameters": ["x"]}, "a reference in it leads nowhere"),
        ({"servers": [{"url": "ftp://x"}]}, "its server 'ftp://x' is not a whole URL"),
    ],
)
def test_an_operation_that_cannot_be_called_is_left_out_with_the_reason(
    spec: dict[str, Any], why: str
) -> None:
    components = {"loop": {"$ref": "#/components/loop"}}
    assert why_left_out(spec, components=components).startswith(why)


def test_a_relative_server_needs_a_document_from_a_url() -> None:
    assert "is not a whole URL" in why_left_out({}, base=None, servers=[{"url": "/v1"}])


def test_a_path_must_be_described() -> None:
    assert why_left_out({}, path="/things/{id}") == "nothing describes id in its path"


def test_aliases_that_multiply_are_stopped() -> None:
    """As YAML's aliases make them: the same object many times."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        schema = {"allOf": [schema, schema]}
    why = why_left_out({"parameters": [parameter("x", schema=schema)]})
    assert why == f"its schemas have more than {operations_module.MAX_NODES} parts"


def test_only_wanted_operations_are_read_and_missing_ones_named() -> None:
    paths = {"/a": {"get": {"operationId": "a"}, "post": {"operationId": "b"}}}
    reading = operations(document(paths), BASE, ["b", "c"])
    assert [found.function.name for found in reading.operations] == ["b"]
    assert reading.left_out == (("c", "the document has no such operation"),)


@pytest.mark.parametrize("value", [None, [], "text", {}, {"swagger": "2.0"}, {"openapi": "4.0"}])
def test_anything_else_is_no_document(value: Any) -> None:
    with pytest.raises(DocumentError):
        operations(value, BASE)


@pytest.mark.parametrize("paths", [None, [], {"/a": None}, {"/a": {"get": None}}])
def test_a_document_may_have_no_operation(paths: Any) -> None:
    assert operations({"openapi": "3.0.0", "paths": paths}, BASE).operations == ()


def test_yaml_is_read_as_json_would_be() -> None:
    assert parse(b"a: 2020-01-01\nb: [yes, 1]\n") == {"a": "2020-01-01", "b": [True, 1]}
    assert parse(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("text", [b"a: [", b"\xff\xfe\xfa", b"a: !!python/object:os.system {}", b"&a [*a"])
def test_text_that_is_neither_is_told(text: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(text)


WORDS = st.sampled_from(
    ["get", "post", "parameters", "requestBody", "content", "schema", "$ref", "in", "name", "path", "query",
     "#/components/schemas/A", "type", "object", "properties", "servers", "url", "/x", "allOf", "nullable"]
)  # fmt: skip
PARTS = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["/x", "/x/{name}"]), PARTS, max_size=2), PARTS, PARTS)
def test_no_document_does_anything_worse_than_leaving_operations_out(
    paths: Any, components: Any, servers: Any
) -> None:
    operations(document(paths, components=components, servers=servers), BASE)
