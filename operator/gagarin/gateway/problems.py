"""The answers of 4xx and 5xx that only the gateway gives, each as one function; what any service answers
is in `gagarin.serving.problems`.

What the API server says to the caller's own token is for the caller: its sentences are passed on. What goes
wrong between the API server and the gateway itself is told without details, and logged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
from gagarin.serving.errors import Problem


def invalid(faults: Sequence[tuple[str, str]]) -> Problem:
    """The body can be read, and is wrong in these places."""
    detail = "; ".join(f"{where}: {what}" if where else what for where, what in faults)
    return Problem(422, "invalid-field", "A field is wrong", detail, errors=faults)


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
