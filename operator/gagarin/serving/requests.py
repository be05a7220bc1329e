"""A request as a middleware sees it: where it went, what the router says of it, how its answer is cut off."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from gagarin.serving import problems
from gagarin.serving.errors import Problem

CLIENT_GONE = 499  # nobody is left to send a status to; nginx' number for it


def route_of(request: web.Request) -> str:
    """The route's pattern, a bounded label; `other` for what has none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "other"


def problem_of_router(error: Exception, request: web.Request) -> Problem | None:
    """What the router means, if it was the router."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return problems.method_not_allowed(request.method, request.path, error.allowed_methods)
    if isinstance(error, web.HTTPNotFound):
        return problems.no_such_route(request.path)
    return None


def hang_up(request: web.Request) -> None:
    """End its connection at once, and what waits in it."""
    if request.transport is not None:
        request.transport.abort()


def cut(request: web.Request) -> NoReturn:
    """Part of an answer is out: an error can no longer be told, but a broken answer must not look whole."""
    hang_up(request)
    raise ConnectionResetError("the answer broke off")
