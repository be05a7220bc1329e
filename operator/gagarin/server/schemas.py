"""JSON Schemas of others, compiled once and asked many times.

A schema comes from a user, a tool's server or a document on the network, so none of it is trusted: nothing
is fetched for a `$ref`, a schema may refer to itself, and neither a pattern nor references that multiply
can take more than bounded time (docs/decisions/0016). What is wrong with a value is told in words that a
model can mend it by.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

if TYPE_CHECKING:
    import jsonschema_rs

MAX_FAULTS = 5
MAX_FAULT_CHARS = 300
MAX_SCHEMA_BYTES = 256 * 1024
MAX_PARTS = 10_000  # of a schema with every reference replaced by what it refers to


class SchemaError(ValueError):
    """It is not a JSON Schema, or not one that can be used; the message says why."""


class Schema:
    """A compiled schema. Raises `SchemaError`."""

    def __init__(self, schema: dict[str, Any]) -> None:
        import jsonschema_rs  # 3 MB and 15 ms that only Agents with tools or structured answers pay for

        try:
            if len(msgspec.json.encode(schema)) > MAX_SCHEMA_BYTES:
                raise SchemaError(f"it is longer than {MAX_SCHEMA_BYTES} bytes")
            _Parts(schema).check()
            self._validator = jsonschema_rs.validator_for(
                schema, retriever=_refuse, pattern_options=_patterns(), validate_formats=False
            )
        except (ValueError, RecursionError, TypeError, OverflowError) as error:
            raise SchemaError(_short(error)) from error

    def faults(self, value: Any) -> list[str]:
        """What is wrong with a value, the first few things; nothing: it fits."""
        try:
            if self._validator.is_valid(value):
                return []
            found = []
            for error in self._validator.iter_errors(value):
                found.append(_fault(error))
                if len(found) == MAX_FAULTS:
                    break
        except (ValueError, RecursionError, OverflowError) as error:
            return [_short(error)]
        else:
            return found


class _Parts:
    """Counts the parts that a value can be checked against. A part within itself is counted once."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._counts: dict[int, int] = {}

    def check(self) -> None:
        """Raises `SchemaError`."""
        if self._count(self._schema) > MAX_PARTS:
            raise SchemaError(f"its references multiply to more than {MAX_PARTS} parts")

    def _count(self, node: Any) -> int:
        if not isinstance(node, dict | list):
            return 0
        if (known := self._counts.get(id(node))) is not None:
            return known
        self._counts[id(node)] = 1
        inner = [*node.values()] if isinstance(node, dict) else node
        count = 1 + sum(map(self._count, inner))
        if isinstance(node, dict):
            count += sum(self._count(self._target(node[name])) for name in _REFERENCES if name in node)
        self._counts[id(node)] = min(count, MAX_PARTS + 1)
        return count

    def _target(self, reference: Any) -> Any:
        """What a reference is to. One that is a property's name, and no text, is none."""
        if not isinstance(reference, str):
            return None
        try:
            return pointed(self._schema, reference)
        except LookupError as error:
            raise SchemaError(f"{error}") from error


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def pointed(document: Any, reference: str) -> Any:
    """The part of a document that a local reference (`#/$defs/NAME`, RFC 6901) is to. Raises
    `LookupError`."""
    path, _, pointer = reference.partition("#")
    if path or (pointer and not pointer.startswith("/")):
        raise LookupError(f"only references such as #/$defs/NAME are followed, not {reference[:100]}")
    for step in unquote(pointer).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (LookupError, TypeError, ValueError) as error:
            raise LookupError(f"there is nothing at {reference[:100]}") from error
    return document


def decode(text: str) -> Any:
    """The JSON in a text. Raises `ValueError`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{error}") from error


@cache
def _patterns() -> jsonschema_rs.FancyRegexOptions:
    import jsonschema_rs  # as above

    return jsonschema_rs.FancyRegexOptions(
        backtrack_limit=100_000, size_limit=1_000_000, dfa_size_limit=1_000_000
    )


def _refuse(uri: str) -> Any:
    raise ValueError(f"references to other documents are not followed: {uri[:100]}")


def _fault(error: jsonschema_rs.ValidationError) -> str:
    where = "".join(f"/{part}" for part in error.instance_path)
    return f"{where or '/'}: {error.message[:MAX_FAULT_CHARS]}"


def _short(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:MAX_FAULT_CHARS]
