"""What the routes are, once: the router is filled from it, and so is /openapi.json (OpenAPI 3.1).

Every route that belongs to a namespace is there twice: as the original had it, for the default namespace, and
below /ns/{namespace}.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from gagarin.gateway.paging import DEFAULT_LIMIT, MAX_LIMIT
from gagarin.serving.problems import CONTENT_TYPE

JSON = "application/json"
TEXT = "text/plain"
EVENTS = "text/event-stream"
YAML = "application/x-yaml"
NAMESPACED = "/ns/{namespace}"
VERSION = "v1alpha1"  # of the resources behind the rows; the image has no metadata of a package

Schema = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WORDS = {
    400: "The request is malformed",
    401: "The bearer token is missing or not accepted",
    403: "RBAC does not allow it",
    404: "There is no such resource",
    408: "The body did not arrive in time",
    409: "The name is taken, or somebody else changed it",
    410: "It is not here any more",
    413: "The body is too large",
    422: "A field is wrong",
    426: "A WebSocket handshake is needed",
    429: "The caller has to wait (Retry-After)",
    501: "It is not possible, and the document says why",
    502: "The Instance's answer broke off",
    503: "The cluster or the Instance does not answer",
}
WRITES = (400, 408, 409, 413, 422)
CHATS = (400, 404, 408, 413, 422, 429, 502)


class Body(NamedTuple):
    """What a route takes: a schema by name, or as it is."""

    schema: Schema
    media: str = JSON


class Operation(NamedTuple):
    """What a route does. `answer` is a type or a schema of what comes back, by media type."""

    summary: str
    answer: Any = None
    media: Sequence[str] = (JSON,)
    body: Body | None = None
    query: Mapping[str, Schema] = {}
    problems: Sequence[int] = ()
    status: int = 200


class Route(NamedTuple):
    """One way in."""

    method: str
    path: str
    handler: Handler
    operation: Operation
    open: bool = False  # without a token, and of no namespace

    def paths(self) -> list[str]:
        """All paths of the router: the original took some with a slash at the end."""
        if self.path == "/":
            return ["/"]
        roots = [self.path] if self.open else [self.path, NAMESPACED + self.path]
        return [*roots, *(f"{root}/" for root in roots)]


PAGE: Mapping[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "created_at_lt": {"type": "string", "format": "date-time"},
}


def document(routes: Sequence[Route]) -> Schema:
    """The description of the routes."""
    types = list({kind: None for route in routes for kind in _types(route.operation.answer)})
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    known = dict(zip(types, schemas, strict=True))
    components["Problem"] = _PROBLEM
    paths: Schema = {}
    for route in routes:
        for path in (route.path,) if route.open else (route.path, NAMESPACED + route.path):
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, known)
    bearer = {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that the cluster's API server takes",
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gagarin API", "description": _ABOUT, "version": VERSION},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"cluster": bearer}},
    }


_ABOUT = (
    "The original's REST API over the custom resources of Gagarin. Ids are names of resources; what is "
    "allowed, the cluster's RBAC decides for the caller's own token."
)
_PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "done": {"type": "array", "items": {"type": "string"}},
        "failed": {"type": "string"},
        "not_done": {"type": "array", "items": {"type": "string"}},
    },
}


def _types(answer: Any) -> list[Any]:
    return [] if answer is None or isinstance(answer, dict) else [answer]


def _operation(route: Route, path: str, known: Mapping[Any, Schema]) -> Schema:
    about = route.operation
    made: Schema = {"operationId": _id(route.method, path), "summary": about.summary}
    made["security"] = [] if route.open else [{"cluster": []}]
    made["parameters"] = _parameters(path, about.query)
    if about.body is not None:
        made["requestBody"] = {"required": True, "content": {about.body.media: {"schema": about.body.schema}}}
    answer: Schema = {"description": about.summary}
    if about.answer is not None:
        schema = about.answer if isinstance(about.answer, dict) else known[about.answer]
        answer["content"] = {media: {"schema": schema if media == JSON else {}} for media in about.media}
    made["responses"] = {str(about.status): answer}
    always = () if route.open else (401, 403, 404, 503)
    for status in sorted({*always, *about.problems}):
        content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        made["responses"][str(status)] = {"description": _WORDS[status], "content": content}
    return made


def _parameters(path: str, query: Mapping[str, Schema]) -> list[Schema]:
    parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    inside = [{"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in parts]
    return inside + [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in query.items()
    ]


def _id(method: str, path: str) -> str:
    words = [part.strip("{}").replace(".", "-") for part in path.split("/") if part]
    return "-".join([method.lower(), *words])
