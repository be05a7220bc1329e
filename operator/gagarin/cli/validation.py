"""What an API server with our definitions would say to an object: every fault, with its path.

The classes in `gagarin.api` decide, in their strict form: JSON's own types, the API's own spelling of names,
and nothing that they do not know. What OpenAPI says beyond them (lists that are maps or sets) is read from
the schema of the definition. The tests hold this against the same examples as the real API server.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ValidationError

from gagarin.api.crd import schema_of
from gagarin.api.fields import NAME
from gagarin.api.kinds import API_VERSION, KINDS, NAME_RULE
from gagarin.core.objects import Object

ROOT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
Json = dict[str, Any]
FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an object itself. `rule` is a word for programs."""

    rule: str
    path: FieldPath
    message: str


def faults_of(item: Object) -> list[Fault]:
    """What is wrong with an object of one of the five kinds, in the order of its fields."""
    if item["apiVersion"] != API_VERSION:
        return [Fault("unknown-version", ("apiVersion",), f"the only version there is is {API_VERSION}")]
    return [*_of_root(item), *_of_spec(item)]


def _of_root(item: Object) -> Iterator[Fault]:
    if not re.fullmatch(NAME, item["metadata"]["name"]):
        yield Fault("schema", ("metadata", "name"), NAME_RULE)
    for name in item.keys() - set(ROOT_FIELDS):
        yield _unknown((name,), ROOT_FIELDS)


def _of_spec(item: Object) -> Iterator[Fault]:
    kind = KINDS[item["kind"]]
    spec = item.get("spec")
    if not isinstance(spec, dict):
        yield Fault("schema", ("spec",), "the spec is missing" if spec is None else "a spec is a mapping")
        return
    schema = schema_of(kind.spec)
    try:
        kind.spec.model_validate_json(
            msgspec.json.encode(spec), strict=True, extra="forbid", by_alias=True, by_name=False
        )
    except ValidationError as error:
        yield from _told(error, spec, schema)
    yield from _repeated(("spec",), spec, schema)


def _told(error: ValidationError, spec: Json, schema: Json) -> Iterator[Fault]:
    seen = set()
    for each in error.errors(include_url=False):
        path = ("spec", *_existing(each["loc"], spec))
        if each["type"] == "extra_forbidden":
            yield _unknown(path, _schema_at(schema, path[1:-1]).get("properties", {}).keys())
        elif path not in seen:
            message = each["msg"]
            yield Fault("schema", path, f"{message[:1].lower()}{message[1:]}")
        seen.add(path)


def _existing(location: FieldPath, value: Any) -> FieldPath:
    """The location as a path into the value: what is missing comes last, and names of alternatives go."""
    path: list[str | int] = []
    for part in location:
        if not isinstance(value, dict | list):
            break
        path.append(part)
        try:
            value = value[part]  # type: ignore[index]  # a number goes into a list, a name into a mapping
        except (KeyError, IndexError, TypeError):
            break
    return tuple(path)


def _unknown(path: FieldPath, known: Collection[str]) -> Fault:
    message = f"there is no field {path[-1]} here; {hint(str(path[-1]), sorted(known))}"
    return Fault("unknown-field", path, message)


def hint(name: str, known: Sequence[str]) -> str:
    """What somebody may have meant with a name that is not known."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _schema_at(schema: Json, path: FieldPath) -> Json:
    """The part of a schema that describes what is at a path."""
    for part in path:
        inner = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        schema = inner or schema.get("additionalProperties") or {}
    return schema


def _repeated(path: FieldPath, value: Any, schema: Json) -> Iterator[Fault]:
    """Items that are twice in a list which is a map or a set."""
    if isinstance(value, list):
        yield from _twice(path, value, schema)
        for index, item in enumerate(value):
            yield from _repeated((*path, index), item, schema.get("items", {}))
    elif isinstance(value, dict):
        for name, inner in value.items():
            known = schema.get("properties", {}).get(name)
            yield from _repeated((*path, name), inner, known or {})


def _twice(path: FieldPath, value: list[Any], schema: Json) -> Iterator[Fault]:
    keys = schema.get("x-kubernetes-list-map-keys")
    if not keys and schema.get("x-kubernetes-list-type") != "set":
        return
    seen = set()
    for index, item in enumerate(value):
        named = {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item
        identity = msgspec.json.encode(named, order="sorted")
        if identity in seen:
            what = ", ".join(f"{key} {value}" for key, value in named.items()) if keys else str(item)
            yield Fault("schema", (*path, index), f"{what} is there twice")
        seen.add(identity)
