"""How an answer of 4xx or 5xx is written (RFC 9457), and those that any service gives, each as one function.

A document says what was wrong (`title`, `detail`) and where (`errors` with a JSON pointer into the body, or a
header's name). `type` is an identifier, not a page. Nothing internal is in it: no address, no key, no trace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from gagarin.serving.errors import Problem

TYPE_BASE = "https://gagarin.fyodorov.ai/problems/"
CONTENT_TYPE = "application/problem+json"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong in one place: a JSON pointer into the body, or the name of a header or query
    parameter."""

    pointer: str
    detail: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


def problem_document(problem: Problem) -> dict[str, Any]:
    """The problem document: a `ProblemDocument`, and what more there is to say."""
    errors = tuple(FieldError(where, what) for where, what in problem.errors)
    kind = TYPE_BASE + problem.slug
    made = ProblemDocument(kind, problem.title, problem.status, problem.detail, errors)
    return {**msgspec.to_builtins(made), **problem.more}


def problem_response(problem: Problem) -> web.Response:
    """The HTTP response."""
    answer = web.Response(
        status=problem.status,
        body=msgspec.json.encode(problem_document(problem)),
        headers={**problem.headers, "Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"},
    )
    if problem.close:
        answer.force_close()
    return answer


def forbidden(user: str, verb: str, instance: str) -> Problem:
    """RBAC does not let a user chat. `instance` is NAMESPACE/NAME."""
    detail = (
        f"{user} may not {verb} instances/chat of Instance {instance}; a Role in its namespace can allow it"
    )
    return Problem(403, "forbidden", "Access is not allowed", detail)


def malformed(detail: str) -> Problem:
    """The body is not what it should be a text of (JSON, YAML), or not UTF-8."""
    return Problem(400, "malformed-body", "The body cannot be read", detail)


def invalid_header(name: str, what: str) -> Problem:
    """A request header is wrong."""
    return Problem(400, "invalid-header", "A header is wrong", f"{name}: {what}", errors=((name, what),))


def invalid_query(name: str, what: str) -> Problem:
    """A query parameter is wrong."""
    detail = f"{name}: {what}"
    return Problem(400, "invalid-query", "A query parameter is wrong", detail, errors=((name, what),))


def body_too_large(limit: int) -> Problem:
    """More bytes than are taken."""
    detail = f"the body is longer than {limit} bytes"
    return Problem(413, "body-too-large", "The body is too large", detail, close=True)


def body_too_slow(seconds: float) -> Problem:
    """The body did not arrive."""
    detail = f"the body did not arrive within {seconds:g} s"
    return Problem(408, "body-too-slow", "The body did not arrive in time", detail, close=True)


def no_such_route(path: str) -> Problem:
    """404 of the router."""
    return Problem(404, "no-such-route", "There is nothing here", f"there is nothing at {path[:256]}")


def method_not_allowed(method: str, path: str, allowed: Iterable[str]) -> Problem:
    """405 of the router."""
    names = ", ".join(sorted(allowed))
    detail = f"{method[:32]} is not possible at {path[:256]}; possible: {names}"
    headers = {"Allow": names}
    return Problem(405, "method-not-allowed", "The method is not possible here", detail, headers=headers)


def upgrade_needed() -> Problem:
    """/ws without a handshake (RFC 6455, section 4.2.1)."""
    detail = "this is a WebSocket: ask with `Connection: Upgrade`, `Upgrade: websocket` and version 13"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    return Problem(426, "upgrade-needed", "A WebSocket handshake is needed", detail, headers=headers)


def internal() -> Problem:
    """A bug of ours; the log has the trace."""
    return Problem(500, "internal", "The server made a mistake", "the server's log says what happened")
