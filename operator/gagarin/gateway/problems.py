"""Every answer of 4xx and 5xx, each as one function, and how it is written (RFC 9457).

What the API server says to the caller's own token is for the caller: its sentences are passed on. What goes
wrong between the API server and the gateway itself is told without details, and logged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from gagarin.gateway.errors import Problem
from gagarin.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
)

TYPE_BASE = "https://gagarin.fyodorov.ai/problems/"
CONTENT_TYPE = "application/problem+json"


def document(problem: Problem) -> dict[str, Any]:
    """The problem document."""
    made: dict[str, Any] = {
        "type": TYPE_BASE + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        made["errors"] = [{"pointer": where, "detail": what} for where, what in problem.errors]
    return made | problem.more


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
    """The body cannot be read."""
    return Problem(400, "malformed-body", "The body cannot be read", detail)


def invalid(faults: Sequence[tuple[str, str]]) -> Problem:
    """The body can be read, and is wrong in these places."""
    detail = "; ".join(f"{where}: {what}" if where else what for where, what in faults)
    return Problem(422, "invalid-field", "A field is wrong", detail, errors=faults)


def invalid_query(name: str, what: str) -> Problem:
    """A query parameter is wrong."""
    detail = f"{name}: {what}"
    return Problem(400, "invalid-query", "A query parameter is wrong", detail, errors=((name, what),))


def invalid_header(name: str, what: str) -> Problem:
    """A request header is wrong."""
    return Problem(400, "invalid-header", "A header is wrong", f"{name}: {what}", errors=((name, what),))


def body_too_large(limit: int) -> Problem:
    """More bytes than are taken."""
    detail = f"the body is longer than {limit} bytes"
    return Problem(413, "body-too-large", "The body is too large", detail, close=True)


def body_too_slow(seconds: float) -> Problem:
    """The body did not arrive."""
    detail = f"the body did not arrive within {seconds:g} s"
    return Problem(408, "body-too-slow", "The body did not arrive in time", detail, close=True)


def no_token() -> Problem:
    """There is no bearer token (RFC 6750: then the challenge has no error code)."""
    detail = "send `Authorization: Bearer TOKEN` with a token that the cluster's API server takes"
    headers = {"WWW-Authenticate": 'Bearer realm="gagarin"'}
    return Problem(401, "unauthorized", "A bearer token is needed", detail, headers=headers)


def unauthorized() -> Problem:
    """The API server does not take the token (RFC 6750, section 3)."""
    challenge = 'Bearer realm="gagarin", error="invalid_token"'
    detail = "the cluster's API server does not take the token: it is wrong, expired, or for another audience"
    headers = {"WWW-Authenticate": challenge}
    return Problem(401, "unauthorized", "The bearer token is not accepted", detail, headers=headers)


def narrowed() -> Problem:
    """The caller's token may do less than its user, which cannot be passed on to a pod."""
    detail = "the token is limited to scopes, and a chat would not be: use a token without them"
    return Problem(403, "narrowed-token", "The token is limited to scopes", detail)


def unnamable() -> Problem:
    """The caller's names are more, longer or stranger than a pod takes them."""
    detail = "your user has more than 256 groups, or a name with characters that no header can hold"
    return Problem(403, "unnamable-user", "The user cannot be named to a pod", detail)


def socket_refused(status: int, instance: str) -> Problem:
    """A pod's refusal of a handshake, of which only the status can be seen."""
    if status == 403:
        detail = (
            f"you may not create instances/chat of Instance {instance}, or the gateway may not speak for you "
            "there (impersonate); POST to /chat tells which"
        )
        return Problem(403, "forbidden", "Access is not allowed", detail)
    if status == 404:
        return Problem(404, "unknown-conversation", "There is no such conversation", "it is none of yours")
    if status == 400:
        return Problem(
            400, "bad-handshake", "The pod refuses the handshake", "a header or parameter is wrong"
        )
    return broken_answer()


def not_found(kind: str, namespace: str, name: str) -> Problem:
    """There is no such resource. The detail begins with the words that the original had."""
    detail = f"{kind} not found: namespace {namespace} has no {kind} called {name[:64]!a}"
    return Problem(404, "not-found", f"There is no such {kind}", detail)


def no_such_route(path: str) -> Problem:
    """404 of the router."""
    return Problem(404, "no-such-route", "There is nothing here", f"there is nothing at {path[:256]}")


def method_not_allowed(method: str, path: str, allowed: Iterable[str]) -> Problem:
    """405 of the router."""
    names = ", ".join(sorted(allowed))
    detail = f"{method[:32]} is not possible at {path[:256]}; possible: {names}"
    headers = {"Allow": names}
    return Problem(405, "method-not-allowed", "The method is not possible here", detail, headers=headers)


def users_gone() -> Problem:
    """/users: accounts are the cluster's."""
    detail = (
        "there are no users, passwords and invite codes here any more: use a token of a Kubernetes "
        "ServiceAccount (`kubectl create token NAME`), or the one that you use with kubectl"
    )
    return Problem(410, "users-gone", "Accounts are the cluster's", detail)


def no_tool_call(name: str) -> Problem:
    """Only pods call tools."""
    detail = (
        f"Tool {name} is called by the pods of Instances, which have its credentials and check the "
        "arguments; the gateway has neither the credentials nor the right to read them. Ask an Instance "
        "whose Agent has the Tool"
    )
    return Problem(501, "no-tool-call", "Tools are called by agents only", detail)


def upgrade_needed() -> Problem:
    """/ws without a handshake (RFC 6455, section 4.2.1)."""
    detail = "this is a WebSocket: ask with `Connection: Upgrade`, `Upgrade: websocket` and version 13"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    return Problem(426, "upgrade-needed", "A WebSocket handshake is needed", detail, headers=headers)


def unreachable(namespace: str, name: str) -> Problem:
    """No pod of the Instance answers."""
    detail = f"no pod of Instance {name} in namespace {namespace} answers now: it is not ready, or not there"
    headers = {"Retry-After": "2"}
    return Problem(503, "instance-unreachable", "The Instance does not answer", detail, headers=headers)


def broken_answer() -> Problem:
    """What answered is no chat server, or failed in the middle."""
    return Problem(
        502, "broken-answer", "The Instance's answer broke off", "the pod's answer is not complete"
    )


def cluster_unavailable() -> Problem:
    """The API server cannot be asked."""
    detail = "the Kubernetes API server does not answer; try again in a moment"
    headers = {"Retry-After": "2"}
    return Problem(503, "cluster-unavailable", "The cluster does not answer", detail, headers=headers)


def not_permitted() -> Problem:
    """The gateway itself lacks a right."""
    detail = "the gateway cannot get a token for the Instance; its log says why"
    return Problem(503, "gateway-not-permitted", "The gateway is not set up", detail)


def internal() -> Problem:
    """A bug of ours; the log has the trace."""
    return Problem(500, "internal", "The gateway made a mistake", "the gateway's log says what happened")


def refused(error: KubeError) -> Problem:
    """What the API server said to a call with the caller's own token."""
    said = str(error)
    match error:
        case Unauthorized():
            return unauthorized()
        case Forbidden():
            return Problem(403, "forbidden", "Access is not allowed", said)
        case NotFound():
            return Problem(404, "not-found", "There is no such object", said)
        case AlreadyExists():
            return Problem(409, "already-exists", "The name is taken", said)
        case Conflict():
            return Problem(409, "conflict", "Somebody else changed it", said)
        case Invalid():
            return Problem(422, "refused", "The API server refuses it", said)
        case TooManyRequests():
            wait = {"Retry-After": str(math.ceil(error.retry_after or 1))}
            return Problem(429, "too-many-requests", "The API server is busy", said, headers=wait)
    return cluster_unavailable()
