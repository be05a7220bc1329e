"""What the routes are, once: the router is filled from it, and so is /openapi.json (OpenAPI 3.1).

A route says what it takes and answers with the structs that it really decodes and encodes; their JSON Schemas
come from msgspec. Bounds that are an Instance's own are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from aiohttp import web

from gagarin.server.auth.authority import Verb
from gagarin.server.auth.gate import END_USER_HEADER, MAX_END_USER
from gagarin.server.openaiapi.faults import ErrorBody
from gagarin.serving.problems import CONTENT_TYPE, ProblemDocument

JSON = "application/json"
EVENTS = "text/event-stream"
VERSION = "v1alpha1"
_BOUND = re.compile(r":.*?[^{]}(?=/|$)")
_REFERENCE = "#/components/schemas/{name}"
# What every route may answer: a header is wrong, no token, no right, nobody to ask.
_ALWAYS = (400, 401, 403, 503)
_WORDS = {
    400: "The request is malformed",
    401: "The bearer token is missing or not accepted",
    403: "RBAC does not allow it",
    404: "There is no such thing of the caller's",
    408: "The body did not arrive in time",
    410: "It is no longer held",
    413: "The body is too large",
    422: "A field is wrong, or too many agents called each other",
    426: "A WebSocket handshake is needed",
    429: "The caller has to wait (Retry-After)",
    502: "The model provider failed, or its answer is of no use",
    503: "Access or history cannot be had now",
    504: "The answer took too long",
}

Schema = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parameter(NamedTuple):
    """A query parameter, a part of the path, or a header."""

    name: str
    place: Literal["query", "path", "header"]
    description: str
    schema: Schema
    required: bool = False

    def document(self) -> Schema:
        """As OpenAPI has it."""
        return {
            "name": self.name,
            "in": self.place,
            "description": self.description,
            "required": self.required or self.place == "path",
            "schema": self.schema,
        }


_END_USER = Parameter(
    END_USER_HEADER,
    "header",
    "Whom the caller speaks for: conversations and budgets are this person's alone",
    {"type": "string", "pattern": f"^[ -~]{{0,{MAX_END_USER}}}$"},
)


class Answer(NamedTuple):
    """What comes back when all goes well: a type by media type; None: anything of
    that kind."""

    description: str
    content: Mapping[str, type | None] = {}
    status: int = 200


class Operation(NamedTuple):
    """What a route does. `verb` is what RBAC is asked for; `problems` are the statuses of its own."""

    id: str
    summary: str
    verb: Verb
    answer: Answer
    body: type | None = None
    parameters: Sequence[Parameter] = ()
    problems: Sequence[int] = ()
    description: str = ""


class Route(NamedTuple):
    """One way in. A part of `path` may be bound by a regular expression, as the router has it:
    `{id:[a-z]+}`."""

    method: str
    path: str
    handler: Handler
    operation: Operation

    @property
    def template(self) -> str:
        """The path as OpenAPI has it."""
        return _BOUND.sub("}", self.path)

    @property
    def is_openai(self) -> bool:
        """Whether its errors have OpenAI's shape."""
        return self.path.startswith("/v1/")


def document(routes: Sequence[Route], title: str, description: str, bounds: Mapping[str, Schema]) -> Schema:
    """The description of the routes. `bounds` are parts of schemas by `STRUCT.FIELD`."""
    schemas = msgspec.json.schema_components(_types(routes), ref_template=_REFERENCE)
    references, components = dict(zip(_types(routes), schemas[0], strict=True)), schemas[1]
    for place, bound in bounds.items():
        struct, _, field = place.partition(".")
        components[struct]["properties"][field] |= bound
    paths: Schema = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, references)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _BEARER}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": VERSION},
        "security": [{"serviceAccount": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"serviceAccount": bearer}},
    }


_BEARER = "A ServiceAccount token of the cluster for the Instance's audience, NAME.NAMESPACE.svc"


def _types(routes: Iterable[Route]) -> list[type]:
    """All types that are spoken of, each once, in a fixed order."""
    found: dict[type, None] = {ProblemDocument: None, ErrorBody: None}
    for route in routes:
        named = (route.operation.body, *route.operation.answer.content.values())
        found |= {kind: None for kind in named if kind is not None}
    return list(found)


def _operation(route: Route, references: Mapping[type, Schema]) -> Schema:
    about = route.operation
    described = f"RBAC: `{about.verb}` on `instances/chat`. {about.description}".strip()
    made: Schema = {"operationId": about.id, "summary": about.summary, "description": described}
    made["parameters"] = [parameter.document() for parameter in (*about.parameters, _END_USER)]
    if about.body is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": references[about.body]}}}
    answer = {"description": about.answer.description}
    made["responses"] = {str(about.answer.status): answer | _content(about.answer, references)}
    problem = (JSON, ErrorBody) if route.is_openai else (CONTENT_TYPE, ProblemDocument)
    for status in sorted({*_ALWAYS, *about.problems}):
        content = {problem[0]: {"schema": references[problem[1]]}}
        made["responses"][str(status)] = {"description": _WORDS[status], "content": content}
    return made


def _content(answer: Answer, references: Mapping[type, Schema]) -> Schema:
    if not answer.content:
        return {}
    schemas = {media: {} if kind is None else references[kind] for media, kind in answer.content.items()}
    return {"content": {media: {"schema": schema} for media, schema in schemas.items()}}
