"""Around every request: errors become problem documents, and one access line and one metric are written."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from gagarin.gateway import problems
from gagarin.gateway.metrics import Metrics
from gagarin.kube.errors import KubeError
from gagarin.serving.errors import Problem
from gagarin.serving.logs import Log
from gagarin.serving.problems import internal, problem_response
from gagarin.serving.requests import CLIENT_GONE, cut, problem_of_router, route_of
from gagarin.serving.tracing import Span, Tracing


class Observer:
    """The middleware."""

    def __init__(self, log: Log, metrics: Metrics, tracing: Tracing) -> None:
        self._log = log
        self._metrics = metrics
        self._tracing = tracing

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """For `web.Application(middlewares=...)`."""
        began = time.perf_counter()
        status, slug = CLIENT_GONE, None
        with self._tracing.request(request.method, request.headers) as span:
            try:
                response, slug = await self._answered(request, handler)
                status = response.status
                return response
            finally:
                self._record(request, status, slug, time.perf_counter() - began, span)

    async def _answered(
        self, request: web.Request, handler: Handler
    ) -> tuple[web.StreamResponse, str | None]:
        try:
            return await handler(request), None
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  # the last stop: nothing internal may leave, the gateway goes on
            problem = self._problem(error, request)
            if request.writer.output_size:
                cut(request)
            return problem_response(problem), problem.slug

    def _problem(self, error: Exception, request: web.Request) -> Problem:
        match error:
            case Problem():
                return error
            case KubeError():
                return problems.refused(error)
        if (routed := problem_of_router(error, request)) is not None:
            return routed
        self._log.failure("a request failed because of a mistake in the gateway", error)
        return internal()

    def _record(
        self, request: web.Request, status: int, slug: str | None, seconds: float, span: Span
    ) -> None:
        route = route_of(request)
        self._metrics.answered(route, status, seconds)
        name = f"{request.method[:32]} {route}"
        span.set(name=name, http__route=route, http__response__status_code=status, error__type=slug)
        line = {"method": request.method[:32], "path": request.path[:256], "status": status}
        told = {"problem": slug} if slug else {}
        self._log.access(**line, duration_ms=round(seconds * 1000, 3), **told)
