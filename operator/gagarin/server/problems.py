"""The answers of 4xx and 5xx that only a chat server gives, each as one function; what any service answers is
in `gagarin.serving.problems`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gagarin.server.errors import ProviderError
from gagarin.serving.errors import Problem


def invalid(where: str, what: str) -> Problem:
    """The body is JSON, and one field of it is wrong. `where` is a JSON pointer such as `#/input`."""
    return Problem(422, "invalid-field", "A field is wrong", f"{where}: {what}", errors=((where, what),))


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


def too_many_chats(taken: int) -> Problem:
    """No slot is left for the caller, who has `taken` of them."""
    whose = f"you have {taken} of them, so the rest is for others" if taken else "none is left"
    detail = f"the pod answers as many chats as it may (limits.maxConcurrentChats of the Instance); {whose}"
    return Problem(429, "too-many-chats", "Too many chats at once", detail, headers={"Retry-After": "1"})


def too_many_messages(most: int) -> Problem:
    """A socket's line is full."""
    detail = f"{most} messages wait for an answer already; send this one again when one of them has it"
    return Problem(429, "too-many-messages", "Too many messages at once", detail)


def too_many_requests(limit: int, wait: float) -> Problem:
    """The caller begins chats faster than it may; `wait` seconds until the next one may begin."""
    detail = f"you may begin {limit} chats a minute (limits.requestsPerMinute of the Instance)"
    headers = {"Retry-After": str(math.ceil(wait))}
    return Problem(429, "too-many-requests", "Too many chats in a short time", detail, headers=headers)


def tokens_spent(limit: int, wait: float) -> Problem:
    """The caller's tokens of this day are used; `wait` seconds until the next day begins."""
    detail = f"your {limit} tokens of this UTC day are used (limits.tokensPerDay of the Instance)"
    headers = {"Retry-After": str(math.ceil(wait))}
    return Problem(429, "tokens-spent", "The token budget is used up", detail, headers=headers)


def idempotency_mismatch() -> Problem:
    """The key stands for another request already."""
    detail = "a request with this Idempotency-Key and another body was made before; take a new key"
    errors = (("Idempotency-Key", "it was used for another body"),)
    return Problem(422, "idempotency-mismatch", "The key belongs to another request", detail, errors=errors)


def agent_depth(most: int) -> Problem:
    """Agents call each other, most likely in a circle."""
    detail = f"more than {most} agents have called each other to get here"
    return Problem(422, "agent-depth", "Too many agents in a row", detail)


def unknown_event(event: str) -> Problem:
    """A `Last-Event-ID` of no stream that this pod remembers for this caller."""
    detail = (
        f"nothing follows event {event[:64]!r} here: its stream is over for longer than it can be resumed, "
        "belongs to somebody else, or is another pod's; the conversation has what was answered"
    )
    return Problem(404, "unknown-event", "The stream cannot be resumed", detail)


def events_gone(event: str) -> Problem:
    """A `Last-Event-ID` of a stream that has gone too far since."""
    detail = f"what followed event {event[:64]!r} is no longer held; the conversation has what was answered"
    return Problem(410, "events-gone", "The stream has gone too far to be resumed", detail)


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


def answer_misfit(finish: str, faults: Sequence[str]) -> Problem:
    """The model's answer does not fit the Agent's schema, also when it was asked again. The faults say where,
    and may quote the answer, which is the caller's anyway."""
    ended = {"refusal": "; the model refused to answer", "length": "; the answer was cut: it is too long"}
    detail = "the model's answer does not fit responseSchema of the Agent" + ended.get(finish, "")
    errors = tuple(("responseSchema", fault) for fault in faults)
    return Problem(502, "answer-misfit", "The answer does not fit its schema", detail, errors=errors)
