"""Around every request: errors become problem documents, and one access line and one metric are written."""

from __future__ import annotations

import time
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gagarin.server import problems
from gagarin.server.errors import HistoryUnavailable, Problem
from gagarin.server.logs import Log
from gagarin.server.metrics import Metrics

CLIENT_GONE = 499  # nobody is left to send a status to; nginx' number for it


@dataclass(slots=True)
class Trace:
    """What becomes known of a request while it is answered. `problem` is the slug of what went wrong."""

    caller: str | None = None
    conversation: str | None = None
    problem: str | None = None


TRACE = web.RequestKey("trace", Trace)


def problem_of(error: Exception, request: web.Request, log: Log) -> Problem:
    """The problem that an error stands for. What is our own mistake is logged with its trace."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HistoryUnavailable):
        log.event("error", "the history is not available", reason=str(error))
        return problems.history_unavailable()
    if isinstance(error, web.HTTPMethodNotAllowed):
        return problems.method_not_allowed(request.method, request.path, error.allowed_methods)
    if isinstance(error, web.HTTPNotFound):
        return problems.no_such_route(request.path)
    log.failure("a request failed because of a mistake in the server", error)
    return problems.internal()


class Observer:
    """The one middleware."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """For `web.Application(middlewares=...)`."""
        began = time.perf_counter()
        trace = request[TRACE] = Trace()
        status = CLIENT_GONE
        try:
            response = await self._answered(request, handler, trace)
            status = response.status
            return response
        finally:
            self._record(request, trace, status, time.perf_counter() - began)

    async def _answered(self, request: web.Request, handler: Handler, trace: Trace) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  # the last stop: nothing internal may leave, the server goes on
            problem = problem_of(error, request, self._log)
            trace.problem = problem.slug
            return problems.response(problem)

    def _record(self, request: web.Request, trace: Trace, status: int, seconds: float) -> None:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "other"
        self._metrics.answered(route, status, seconds)
        fields = {"caller": trace.caller, "conversation": trace.conversation, "problem": trace.problem}
        self._log.access(
            method=request.method[:32],
            path=request.path[:256],
            status=status,
            duration_ms=round(seconds * 1000, 3),
            **{name: value for name, value in fields.items() if value is not None},
        )
