"""Errors in OpenAI's shape, so that its clients raise what their users expect.

`code` is the slug of the problem document that other routes answer for the same mistake; `param` is the
field, written as OpenAI writes it (`messages[0].content`).
"""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from gagarin.serving.errors import Problem

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_INDEX = re.compile(r"/(\d+)(?=/|$)")


class Fault(msgspec.Struct, frozen=True):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct, frozen=True):
    """What an error answers."""

    error: Fault


def body(problem: Problem) -> ErrorBody:
    """The problem in OpenAI's words."""
    param = _param(problem.errors[0][0]) if problem.errors else None
    return ErrorBody(Fault(problem.detail, _type(problem.status), param, problem.slug))


def response(problem: Problem) -> web.Response:
    """The HTTP response. A field that is wrong is a 400 there, not a 422."""
    answer = web.Response(
        status=400 if problem.status == 422 else problem.status,
        body=msgspec.json.encode(body(problem)),
        headers={**problem.headers, "Content-Type": "application/json", "Cache-Control": "no-store"},
    )
    if problem.close:
        answer.force_close()
    return answer


def refused(param: str, what: str) -> Problem:
    """A part of the protocol that this server does not speak. `param` is a JSON pointer such as `#/tools`."""
    return Problem(400, "unsupported", "Not supported", f"{_param(param)}: {what}", errors=((param, what),))


def unknown_model(name: str, instance: str) -> Problem:
    """There is one model here: the Instance."""
    detail = f"there is no model {name[:64]!r} here; the only one is {instance!r}, the name of the Instance"
    return Problem(404, "model_not_found", "There is no such model", detail, errors=(("#/model", "unknown"),))


def _type(status: int) -> str:
    return _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def _param(pointer: str) -> str | None:
    """`#/messages/0/content` as `messages[0].content`; a header's name as it is."""
    if not pointer.startswith("#"):
        return pointer
    path = _INDEX.sub(r"[\1]", pointer.removeprefix("#").removeprefix("/"))
    return path.replace("/", ".") or None
