"""The operations of an OpenAPI document, as functions for a model. Pure.

Schemas keep their references: what they refer to, directly or by way of others, is put into `$defs`, so
that a schema that contains itself stays one. The differences of OpenAPI 3.0 from JSON Schema are
translated. An operation that cannot be called is left out and named, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from yarl import URL

from gagarin.server.schemas import pointed
from gagarin.server.tools import names
from gagarin.server.tools.tool import Function

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PLACES = ("path", "query", "header")
MAX_DESCRIPTION = 1024
MAX_NODES = 20_000  # of one operation's schemas: YAML's aliases can hide any number in a short text
_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_OWN_HEADERS = frozenset(
    {"accept", "content-type", "authorization"}
)  # OpenAPI: parameters of these names are void
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_DROPPED = frozenset(
    {"example", "examples", "xml", "externalDocs", "discriminator", "nullable", "$id", "$schema"}
)


class DocumentError(ValueError):
    """It is not an OpenAPI document that can be used; the message says why."""


class Parameter(NamedTuple):
    """Where an argument goes. `key` is its name among the arguments, `style` and `explode` are OpenAPI's;
    `json`: it is sent as JSON text."""

    key: str
    name: str
    place: str
    style: str
    explode: bool
    json: bool


class Operation(NamedTuple):
    """A callable operation. `url` is a template with `{NAME}` for each path parameter; `body` is the key of
    the argument that is sent as JSON, `body_type` its media type."""

    function: Function
    method: str
    url: str
    parameters: tuple[Parameter, ...]
    body: str | None
    body_type: str = "application/json"


class Reading(NamedTuple):
    """What a document comes to; `left_out` are (operation, why)."""

    operations: tuple[Operation, ...]
    left_out: tuple[tuple[str, str], ...]


def operations(document: Any, base: URL | None, wanted: Sequence[str] = ()) -> Reading:
    """The operations in a document that came from `base` (None: from nowhere), or those `wanted` by their
    ids. Raises `DocumentError`."""
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise DocumentError("it is not an OpenAPI document of version 3")
    paths = document.get("paths")
    found: list[Operation] = []
    left_out: list[tuple[str, str]] = []
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        for method in METHODS:
            spec = item.get(method) if isinstance(item, dict) else None
            if not isinstance(spec, dict):
                continue
            name = str(spec.get("operationId") or names.plain(f"{method}_{str(path).strip('/')}"))
            if wanted and name not in wanted:
                continue
            try:
                found.append(_Reader(document, base).operation(name, method, str(path), item, spec))
            except (
                DocumentError,
                LookupError,
                TypeError,
                AttributeError,
                ValueError,
                RecursionError,
            ) as error:
                left_out.append((name, _why(error)))
    known = {one.function.name for one in found} | {name for name, _ in left_out}
    left_out += [(name, "the document has no such operation") for name in wanted if name not in known]
    return Reading(tuple(found), tuple(left_out))


class _Reader:
    """Reads one operation."""

    def __init__(self, document: dict[str, Any], base: URL | None) -> None:
        self._document = document
        self._base = base
        self._schemas = _Schemas(document)

    def operation(
        self, name: str, method: str, path: str, item: dict[str, Any], spec: dict[str, Any]
    ) -> Operation:
        properties: dict[str, Any] = {}
        required: list[str] = []
        parameters = tuple(self._parameters(item, spec, properties, required))
        body, body_type = self._body(spec, properties, required)
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        if self._schemas.defs:
            schema["$defs"] = self._schemas.defs
        texts = (str(spec[part]).strip() for part in ("summary", "description") if spec.get(part))
        function = Function(name, "\n".join(texts)[:MAX_DESCRIPTION], schema)
        url = self._server(item, spec).rstrip("/") + path
        filled = {one.name for one in parameters if one.place == "path"}
        if missing := set(_TEMPLATE.findall(path)) - filled:
            raise DocumentError(f"nothing describes {', '.join(sorted(missing))} in its path")
        return Operation(function, method.upper(), url, parameters, body, body_type)

    def _parameters(
        self, item: dict[str, Any], spec: dict[str, Any], properties: dict[str, Any], required: list[str]
    ) -> Iterable[Parameter]:
        merged: dict[tuple[str, str], dict[str, Any]] = {}
        for raw in [*(item.get("parameters") or ()), *(spec.get("parameters") or ())]:
            one = self._dereferenced(raw)
            merged[str(one["name"]), str(one["in"])] = one
        for (name, place), one in merged.items():
            needed = place == "path" or one.get("required") is True
            if place == "header" and name.lower() in _OWN_HEADERS:
                continue
            if place not in PLACES:
                if needed:
                    raise DocumentError(f"its parameter {name} in {place} cannot be sent")
                continue
            key = name if name not in properties else f"{name}_{place}"
            properties[key] = self._parameter_schema(one)
            required += [key] if needed else []
            style = str(one.get("style") or ("form" if place == "query" else "simple"))
            explode = bool(one.get("explode", style == "form"))
            yield Parameter(key, name, place, style, explode, "content" in one)

    def _parameter_schema(self, parameter: dict[str, Any]) -> Any:
        raw = parameter.get("schema")
        if raw is None and parameter.get("content"):
            raw = next(iter(parameter["content"].values())).get("schema")
        schema = self._schemas.translated(raw if raw is not None else {})
        description = parameter.get("description")
        if description and isinstance(schema, dict):
            return {**schema, "description": str(description)[:MAX_DESCRIPTION]}
        return schema

    def _body(
        self, spec: dict[str, Any], properties: dict[str, Any], required: list[str]
    ) -> tuple[str | None, str]:
        if not spec.get("requestBody"):
            return None, ""
        body = self._dereferenced(spec["requestBody"])
        content = body.get("content") or {}
        kind = next((kind for kind in content if _is_json(kind)), None)
        if kind is None:
            if body.get("required") is True:
                raise DocumentError("its body is not JSON")
            return None, ""
        key = "body" if "body" not in properties else "request_body"
        properties[key] = self._schemas.translated(content[kind].get("schema", {}))
        required += [key] if body.get("required") is True else []
        return key, "application/json" if "*" in kind else str(kind)

    def _server(self, item: dict[str, Any], spec: dict[str, Any]) -> str:
        servers = (
            spec.get("servers") or item.get("servers") or self._document.get("servers") or [{"url": "/"}]
        )
        text = str(servers[0]["url"])
        for name, variable in (servers[0].get("variables") or {}).items():
            text = text.replace("{" + str(name) + "}", str(variable["default"]))
        url = URL(text) if self._base is None else self._base.join(URL(text))
        if not url.absolute or url.scheme not in ("http", "https"):
            raise DocumentError(f"its server {text!r} is not a whole URL")
        return str(url.with_query(None).with_fragment(None))

    def _dereferenced(self, part: Any) -> dict[str, Any]:
        for _ in range(10):
            if not isinstance(part, dict):
                break
            if "$ref" not in part:
                return part
            part = pointed(self._document, str(part["$ref"]))
        raise DocumentError("a reference in it leads nowhere")


class _Schemas:
    """Schemas of a document as JSON Schema of their own. `defs` grows with what they refer to."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._nodes = 0
        self.defs: dict[str, Any] = {}

    def translated(self, schema: Any) -> Any:
        """The schema with `#/$defs` for what it refers to."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise DocumentError(f"its schemas have more than {MAX_NODES} parts")
        if not isinstance(schema, dict):
            return schema
        if isinstance(schema.get("$ref"), str):
            return {"$ref": f"#/$defs/{self._defined(schema['$ref'])}"}
        result = {
            key: self._member(key, value)
            for key, value in schema.items()
            if key not in _DROPPED and not str(key).startswith("x-")
        }
        return _without_read_only(_as_json_schema(schema, result), schema)

    def _member(self, key: str, value: Any) -> Any:
        if key in _MAPS and isinstance(value, dict):
            return {str(name): self.translated(one) for name, one in value.items()}
        if key in _LISTS and isinstance(value, list):
            return [self.translated(one) for one in value]
        return self.translated(value) if key in _SINGLE else value

    def _defined(self, reference: str) -> str:
        if reference not in self._names:
            name = names.plain(reference.rpartition("/")[2])
            if name in self.defs:
                name = f"{name}_{len(self.defs)}"
            self._names[reference] = name
            self.defs[name] = {}  # it may refer to itself
            self.defs[name] = self.translated(pointed(self._document, reference))
        return self._names[reference]


def _as_json_schema(old: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0 says `nullable` for a type, and true for a bound that is excluded."""
    if old.get("nullable") is True and isinstance(new.get("type"), str):
        new["type"] = [new["type"], "null"]
        if isinstance(new.get("enum"), list) and None not in new["enum"]:
            new["enum"] = [*new["enum"], None]
    for bound, excluded in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(new.get(excluded), bool) and new.pop(excluded) and bound in new:
            new[excluded] = new.pop(bound)
    return new


def _without_read_only(new: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Properties that only the server sets are none of a request's."""
    properties = old.get("properties")
    if not isinstance(properties, dict):
        return new
    hidden = {
        str(name) for name, one in properties.items() if isinstance(one, dict) and one.get("readOnly") is True
    }
    if hidden:
        new["properties"] = {name: one for name, one in new["properties"].items() if name not in hidden}
        new["required"] = [name for name in new.get("required") or () if name not in hidden]
    return new


def _is_json(kind: str) -> bool:
    plain = str(kind).partition(";")[0].strip().lower()
    return plain in ("application/json", "*/*", "application/*") or plain.endswith("+json")


def _why(error: Exception) -> str:
    if isinstance(error, DocumentError | LookupError) and error.args and " " in str(error.args[0]):
        return str(error.args[0])
    return "its description is not OpenAPI"


def parse(text: bytes) -> Any:
    """The document in JSON or YAML. Slow for a long one in YAML: call it in a thread. Raises
    `DocumentError`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    import yaml  # only who has such a document pays for it

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which one, is known at run time
        """Leaves dates as texts, as JSON does."""

    Loader.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(text, Loader)  # noqa: S506  # it is a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError("it is neither JSON nor YAML") from error
