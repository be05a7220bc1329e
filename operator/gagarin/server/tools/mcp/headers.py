"""Arguments that a server wants to see in headers too (2026-07-28, Streamable HTTP, "Custom Headers").

A function's schema marks them with `x-mcp-header`. A function whose marks break the rules is not offered: its
calls could be refused, or could say one thing in the headers and another in the body.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MARK = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_PLAIN = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?")
_TYPES = ("string", "integer", "boolean")
_ONE_SCHEMA = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
     "unevaluatedItems", "unevaluatedProperties", "contentSchema", "additionalItems"}
)  # fmt: skip
_SCHEMAS = frozenset({"prefixItems", "oneOf", "anyOf", "allOf", "items"})
_NAMED_SCHEMAS = frozenset({"$defs", "definitions", "patternProperties", "dependentSchemas"})


class Mirrored(NamedTuple):
    """An argument, by the names that lead to it, and its header."""

    path: tuple[str, ...]
    header: str


def mirrored(schema: Mapping[str, Any]) -> tuple[Mirrored, ...]:
    """The marked arguments of a function. Raises `ValueError`, saying which rule is broken."""
    found = []
    open_schemas: list[tuple[tuple[str, ...] | None, Any]] = [((), schema)]
    while open_schemas:
        path, part = open_schemas.pop()
        if not isinstance(part, Mapping):
            continue
        if MARK in part:
            found.append(_marked(path, part))
        open_schemas += _inside(path, part)
    names = [one.header.lower() for one in found]
    if len(set(names)) < len(names):
        raise ValueError(f"two of its arguments have the same {MARK}")
    return tuple(sorted(found))


def parameter_headers(marked: tuple[Mirrored, ...], arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a call; an argument that is not there has none."""
    values = ((one.header, _at(one.path, arguments)) for one in marked)
    return {header: encoded(_text(value)) for header, value in values if value is not None}


def encoded(value: str) -> str:
    """A text as the value of a header; what a header cannot hold, or could be taken for this, in base64."""
    if _PLAIN.fullmatch(value) and not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    return f"=?base64?{base64.b64encode(value.encode(errors='replace')).decode()}?="


def _marked(path: tuple[str, ...] | None, part: Mapping[str, Any]) -> Mirrored:
    name = part[MARK]
    if not path:
        raise ValueError(f"{MARK} stands where it does not mark an argument")
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ValueError(f"{MARK} of {path[-1]!r} is not a name of a header")
    if part.get("type") not in _TYPES:
        raise ValueError(f"{path[-1]!r} has {MARK} and is neither a string, an integer nor a boolean")
    return Mirrored(path, f"Mcp-Param-{name}")


def _inside(
    path: tuple[str, ...] | None, part: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...] | None, Any]]:
    """The schemas inside one; path None: not reached by `properties` alone."""
    for keyword, value in part.items():
        if keyword == "properties" and isinstance(value, Mapping):
            yield from ((None if path is None else (*path, name), one) for name, one in value.items())
        elif keyword in _NAMED_SCHEMAS and isinstance(value, Mapping):
            yield from ((None, one) for one in value.values())
        elif keyword in _SCHEMAS and isinstance(value, list):
            yield from ((None, one) for one in value)
        elif keyword in _ONE_SCHEMA:
            yield None, value


def _at(path: tuple[str, ...], arguments: Any) -> Any:
    for name in path:
        if not isinstance(arguments, Mapping):
            return None
        arguments = arguments.get(name)
    return arguments if isinstance(arguments, str | int | bool) else None


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
