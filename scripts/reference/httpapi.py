"""A page about an HTTP API, from its OpenAPI document: every route, then every type that is spoken of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.reference.markdown import escaped, table

Schema = Mapping[str, Any]
PROBLEM = "application/problem+json"  # RFC 9457; its type is among the others
_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxItems": "at most {} items",
    "pattern": "`{}`",
}


def page(introduction: str, document: Schema, skip: str = "") -> str:
    """The whole page. Paths that begin with `skip` are left out: the introduction speaks of them."""
    lines = [introduction, "## Routes", ""]
    for path, operations in document["paths"].items():
        if not (skip and path.startswith(skip)):
            for method, operation in operations.items():
                lines += _operation(method, path, operation)
    lines += ["## Types", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _type(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from (f"### `{method.upper()} {path}`", "", f"{_sentence(operation)}", "")
    taken = [*map(_parameter, operation.get("parameters", ())), *_body(operation)]
    if taken:
        yield from (*table(("takes", "in", "type", "what it is"), taken), "")
    yield from (*table(("answers", "with", "what it means"), _answers(operation)), "")


def _sentence(operation: Schema) -> str:
    said = (operation["summary"], operation.get("description", ""))
    return " ".join(f"{text.rstrip('.')}." for text in said if text)


def _parameter(parameter: Schema) -> tuple[str, ...]:
    notes = ["required"] if parameter.get("required") else []
    said = [parameter.get("description", ""), *([f"*({', '.join(notes)})*"] if notes else [])]
    kind = _kind(parameter["schema"])
    return f"`{parameter['name']}`", parameter["in"], kind, escaped(" ".join(filter(None, said)))


def _body(operation: Schema) -> Iterator[tuple[str, ...]]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        fields = ", ".join(f"`{name}`" for name in schema.get("properties", {}))
        yield "a body", f"`{media}`", _kind(schema), fields


def _answers(operation: Schema) -> Iterator[tuple[str, ...]]:
    for status, answer in operation["responses"].items():
        contents = [f"`{media}`{_of(each['schema'])}" for media, each in answer.get("content", {}).items()]
        said = (
            "a problem document" if PROBLEM in answer.get("content", {}) else ", ".join(contents) or "nothing"
        )
        yield status, said, escaped(answer["description"])


def _json(value: object) -> str:
    """A value as the wire has it; a text without its quotation marks."""
    return value if isinstance(value, str) else json.dumps(value)


def _of(schema: Schema) -> str:
    return f": {_kind(schema)}" if schema else ""


def _type(name: str, schema: Schema) -> Iterator[str]:
    yield from (f"### {name}", "")
    if said := schema.get("description"):
        yield from (" ".join(said.split()), "")
    required = schema.get("required", ())
    rows = [
        (f"`{field}`", _kind(part), _about(part, field in required))
        for field, part in schema.get("properties", {}).items()
    ]
    yield from ([*table(("field", "type", "what it is"), rows), ""] if rows else [f"{_kind(schema)}", ""])


def _about(part: Schema, required: bool) -> str:
    notes = ["required"] if required else []
    default = part.get("default")
    if default:
        notes.append(f"default `{_json(default)}`")
    notes += [words.format(part[bound]) for bound, words in _BOUNDS.items() if bound in part]
    said = " ".join(filter(None, [part.get("description", ""), f"*({', '.join(notes)})*" if notes else ""]))
    return escaped(said)


def _kind(schema: Schema) -> str:
    """The type as a person says it; a type of the page is a link."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_kind, choices))
    if values := schema.get("enum"):
        return " or ".join(f"`{_json(value)}`" for value in values)
    if "const" in schema:
        return f"`{_json(schema['const'])}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items') or {})}"
    return str(schema.get("format") or schema.get("type", "any"))
