"""Around every request: errors become problem documents, and one access line and one metric are written.

Below /v1/ an error has the shape that OpenAI's clients know.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from gagarin.server import problems
from gagarin.server.answers import Answered
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.metrics import Metrics
from gagarin.server.openaiapi import faults
from gagarin.server.turns import Output
from gagarin.serving.errors import Problem
from gagarin.serving.logs import Log
from gagarin.serving.problems import internal, problem_response
from gagarin.serving.requests import CLIENT_GONE, cut, problem_of_router, route_of
from gagarin.serving.tracing import PASS_ON, Span, Tracing


@dataclass(slots=True)
class Trace:
    """What becomes known of a request while it is answered. `problem` is the slug of what went wrong."""

    caller: str | None = None
    conversation: str | None = None
    problem: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: str | None = None

    def answered(self, answered: Answered, conversation: str | None) -> None:
        """An answer was made."""
        self.conversation = conversation
        self.model = answered.model or None
        self.cost = answered.cost
        if answered.usage is not None:
            self.prompt_tokens = answered.usage.prompt_tokens
            self.completion_tokens = answered.usage.completion_tokens

    def fields(self) -> dict[str, object]:
        """What is known."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in found.items() if value is not None}


TRACE = web.RequestKey("trace", Trace)
LAST_WORDS_SECONDS = 5.0  # to tell a reader that its answer broke off


class Streamed(Output, Protocol):
    """An output that is a response. `begun`: its headers are out, so that a failure has to be told in it."""

    begun: bool

    async def fail(self, problem: Problem) -> None:
        """The answer broke off."""
        ...

    def cut(self) -> None:
        """End the connection at once."""
        ...


async def told(answering: Awaitable[None], output: Streamed, request: web.Request, log: Log) -> None:
    """Wait for an answer that goes to `output`; tell there if it fails after it began. Raises what fails
    before.

    Somebody who reads nothing is not waited for: telling it, too, would last for ever.
    """
    try:
        await answering
    except ConnectionError:
        raise
    except Exception as error:
        if not output.begun:
            raise
        problem = problem_of(error, request, log)
        request[TRACE].problem = problem.slug
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await output.fail(problem)
        except TimeoutError:
            output.cut()


def problem_of(error: Exception, request: web.Request, log: Log) -> Problem:
    """The problem that an error stands for. What is our own mistake is logged with its trace."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HistoryUnavailable):
        log.event("error", "the history is not available", reason=str(error))
        return problems.history_unavailable()
    if (routed := problem_of_router(error, request)) is not None:
        return routed
    log.failure("a request failed because of a mistake in the server", error)
    return internal()


class Observer:
    """The one middleware."""

    def __init__(self, log: Log, metrics: Metrics, tracing: Tracing = PASS_ON) -> None:
        self._log = log
        self._metrics = metrics
        self._tracing = tracing

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """For `web.Application(middlewares=...)`."""
        began = time.perf_counter()
        trace = request[TRACE] = Trace()
        status = CLIENT_GONE
        with self._tracing.request(request.method, request.headers) as span:
            try:
                response = await self._answered(request, handler, trace)
                status = response.status
                return response
            finally:
                self._record(request, trace, status, time.perf_counter() - began, span)

    async def _answered(self, request: web.Request, handler: Handler, trace: Trace) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  # the last stop: nothing internal may leave, the server goes on
            problem = problem_of(error, request, self._log)
            trace.problem = problem.slug
            if request.writer.output_size:
                cut(request)
            return faults.response(problem) if request.path.startswith("/v1/") else problem_response(problem)

    def _record(self, request: web.Request, trace: Trace, status: int, seconds: float, span: Span) -> None:
        route = route_of(request)
        self._metrics.answered(route, status, seconds)
        self._metrics.failed(trace.problem)
        name = f"{request.method[:32]} {route}"
        span.set(name=name, http__route=route, http__response__status_code=status, error__type=trace.problem)
        self._log.access(
            method=request.method[:32],
            path=request.path[:256],
            status=status,
            duration_ms=round(seconds * 1000, 3),
            **trace.fields(),
        )
