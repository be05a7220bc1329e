"""Every answer of 4xx and 5xx, each as one function, and how it is written (RFC 9457).

A document says what was wrong (`title`, `detail`) and where (`errors` with a JSON pointer into the body, or a
header's name). `type` is an identifier, not a page. Nothing internal is in it: no address, no key, no trace.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from gagarin.server.errors import Problem, ProviderError

TYPE_BASE = "https://gagarin.fyodorov.ai/problems/"
CONTENT_TYPE = "application/problem+json"


def document(problem: Problem) -> dict[str, Any]:
    """The members of the problem document."""
    members: dict[str, Any] = {
        "type": TYPE_BASE + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        members["errors"] = [{"pointer": where, "detail": what} for where, what in problem.errors]
    return members


def response(problem: Problem) -> web.Response:
    """The HTTP response."""
    answer = web.Response(
        status=problem.status,
        body=msgspec.json.encode(document(problem)),
        headers={**problem.headers, "Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"},
    )
    if problem.close:
        answer.force_close()
    return answer


def malformed(detail: str) -> Problem:
    """The body is not JSON, or not UTF-8."""
    return Problem(400, "malformed-body", "The body is not JSON", detail)


def invalid(where: str, what: str) -> Problem:
    """The body is JSON, and one field of it is wrong. `where` is a JSON pointer such as `#/input`."""
    return Problem(422, "invalid-field", "A field is wrong", f"{where}: {what}", errors=((where, what),))


def invalid_header(name: str, what: str) -> Problem:
    """A request header is wrong."""
    return Problem(400, "invalid-header", "A header is wrong", f"{name}: {what}", errors=((name, what),))


def invalid_query(name: str, what: str) -> Problem:
    """A query parameter is wrong."""
    return Problem(
        400, "invalid-query", "A query parameter is wrong", f"{name}: {what}", errors=((name, what),)
    )


def body_too_large(limit: int) -> Problem:
    """More bytes than any valid body has."""
    detail = f"the body is longer than {limit} bytes"
    return Problem(413, "body-too-large", "The body is too large", detail, close=True)


def body_too_slow(seconds: float) -> Problem:
    """The body did not arrive."""
    detail = f"the body did not arrive within {seconds:g} s"
    return Problem(408, "body-too-slow", "The body did not arrive in time", detail, close=True)


def unauthorized(detail: str) -> Problem:
    """No token, or one that is not taken (RFC 6750, section 3)."""
    quoted = detail.replace("\\", "").replace('"', "'")
    challenge = f'Bearer realm="gagarin", error="invalid_token", error_description="{quoted}"'
    return Problem(
        401,
        "unauthorized",
        "The bearer token is not accepted",
        detail,
        headers={"WWW-Authenticate": challenge},
    )


def no_token(audiences: tuple[str, ...]) -> Problem:
    """There is no bearer token at all (RFC 6750: then the challenge has no error code)."""
    wanted = " or ".join(audiences)
    detail = f"send `Authorization: Bearer TOKEN` with a ServiceAccount token for the audience {wanted}"
    headers = {"WWW-Authenticate": 'Bearer realm="gagarin"'}
    return Problem(401, "unauthorized", "A bearer token is needed", detail, headers=headers)


def forbidden(user: str, verb: str, instance: str) -> Problem:
    """RBAC says no."""
    detail = (
        f"{user} may not {verb} instances/chat of Instance {instance}; a Role in its namespace can allow it"
    )
    return Problem(403, "forbidden", "Access is not allowed", detail)


def access_unknown() -> Problem:
    """The API server cannot be asked, so nobody is let in."""
    return Problem(
        503,
        "access-unknown",
        "Access cannot be checked now",
        "the Kubernetes API server cannot be reached to check who may chat; try again in a moment",
        headers={"Retry-After": "2"},
    )


def history_unavailable() -> Problem:
    """The store of conversations failed."""
    detail = "conversations cannot be read or written now; the server's log says why"
    headers = {"Retry-After": "2"}
    return Problem(503, "history-unavailable", "The history is not available", detail, headers=headers)


def unknown_conversation(conversation: str) -> Problem:
    """There is no such conversation of this caller (others' conversations look the same)."""
    detail = f"there is no conversation {conversation[:64]!r} of yours"
    return Problem(404, "unknown-conversation", "There is no such conversation", detail)


def no_such_route(path: str) -> Problem:
    """404 of the router."""
    return Problem(404, "no-such-route", "There is nothing here", f"there is nothing at {path[:256]}")


def method_not_allowed(method: str, path: str, allowed: Iterable[str]) -> Problem:
    """405 of the router."""
    names = ", ".join(sorted(allowed))
    detail = f"{method[:32]} is not possible at {path[:256]}; possible: {names}"
    headers = {"Allow": names}
    return Problem(405, "method-not-allowed", "The method is not possible here", detail, headers=headers)


def too_many_chats(limit: int) -> Problem:
    """The caller has as many chats under way as it may."""
    detail = f"{limit} of your chats are under way, which is the limit; wait for one to end"
    return Problem(429, "too-many-chats", "Too many chats at once", detail, headers={"Retry-After": "1"})


def too_slow(seconds: float) -> Problem:
    """The whole answer took longer than the Agent's limit."""
    detail = f"the answer was not complete within {seconds:g} s (limits.requestTimeout of the Agent)"
    return Problem(504, "request-timeout", "The answer took too long", detail)


def token_expired() -> Problem:
    """The token ran out while the answer was being made."""
    return unauthorized("the token expired during the answer")


def provider_failed(error: ProviderError) -> Problem:
    """502, or 504 when it was time that ran out."""
    headers = {} if error.retry_after is None else {"Retry-After": str(math.ceil(error.retry_after))}
    if error.fault == "timeout":
        return Problem(504, "provider-timeout", "The model provider is slow", str(error), headers=headers)
    return Problem(502, "provider-failed", "The model provider failed", str(error), headers=headers)


def internal() -> Problem:
    """A bug of ours; the log has the trace."""
    return Problem(500, "internal", "The server made a mistake", "the server's log says what happened")
