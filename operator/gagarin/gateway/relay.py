"""Chats: a question goes to the Instance's pod, and the answer comes back piece by piece, as it is made.

Nothing is collected on the way. A slow reader slows the pod; a caller who leaves ends the request there,
and an answer that breaks off there breaks off here, so that it never looks like a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import aiohttp
from aiohttp import web

from gagarin.gateway import body, problems
from gagarin.gateway.body import Bounds
from gagarin.gateway.destinations import Destination, Destinations
from gagarin.gateway.metrics import Metrics
from gagarin.gateway.spans import pod_call
from gagarin.serving.problems import no_such_route
from gagarin.serving.tracing import Tracing

CONNECT_SECONDS = 5.0
WRITE_BUFFER = 16 * 1024
_COPIED = ("Content-Type", "Retry-After", "Allow", "X-Accel-Buffering")
_OURS = "gagarin-"
_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)


class Relay:
    """The handlers that pass a request on to a pod."""

    def __init__(
        self,
        destinations: Destinations,
        session: aiohttp.ClientSession,
        bounds: Bounds,
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        self._destinations = destinations
        self._session = session
        self._bounds = bounds
        self._metrics = metrics
        self._tracing = tracing

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """A whole answer. GET with a body is what the original had."""
        return await self._relayed(request, "POST", "/chat")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The answer as it is made: plain text as in the original, or events for those who accept them. GET
        with the id of an event goes on after it."""
        if request.method == "GET" and "Last-Event-ID" in request.headers:
            return await self._relayed(request, "GET", "/stream", "text/event-stream")
        events = "text/event-stream" in request.headers.get("Accept", "")
        return await self._relayed(
            request, "POST", "/stream", "text/event-stream" if events else "text/plain"
        )

    async def conversations(self, request: web.Request) -> web.StreamResponse:
        """The caller's conversations, as the pod has them: GET and DELETE."""
        conversation = request.match_info.get("conversation")
        if conversation is None:
            return await self._relayed(request, request.method, "/conversations")
        if not _CONVERSATION.fullmatch(conversation):  # it becomes a part of another path
            raise no_such_route(request.path)
        return await self._relayed(request, request.method, f"/conversations/{conversation}")

    async def _relayed(
        self, request: web.Request, method: str, path: str, accept: str = "application/json"
    ) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        destination = await self._destinations.destination(request, authorization)
        data = await body.read(request, self._bounds) if method == "POST" else None
        headers = destination.headers
        headers["Accept"] = accept
        if data is not None:
            headers["Content-Type"] = "application/json"
        with self._metrics.relays.track_inprogress(), pod_call(self._tracing, method, destination):
            return await self._asked(request, method, path, destination, data)

    async def _asked(
        self, request: web.Request, method: str, path: str, destination: Destination, data: bytes | None
    ) -> web.StreamResponse:
        asked = self._session.request(
            method,
            destination.url + path,
            params=request.query if method != "POST" else None,
            headers=destination.headers,
            data=data,
            allow_redirects=False,
            timeout=_PATIENCE,
        )
        try:
            async with asked as answer:
                return await self._passed_on(request, destination, answer)
        except aiohttp.ClientConnectorError as error:
            raise problems.unreachable(destination.namespace, destination.name) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise problems.broken_answer() from error

    async def _passed_on(
        self, request: web.Request, destination: Destination, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        if answer.status == 401:
            self._destinations.refused(destination)
            raise problems.not_permitted()
        if 300 <= answer.status < 400:
            raise problems.broken_answer()
        response = web.StreamResponse(status=answer.status, headers=copied(answer.headers))
        if request.transport is not None:
            request.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        await response.prepare(request)
        async for part in answer.content.iter_any():
            await response.write(part)
        await response.write_eof()
        return response


def copied(headers: Mapping[str, str]) -> dict[str, str]:
    """What is passed on of a pod's headers."""
    ours = {name: value for name, value in headers.items() if name.lower().startswith(_OURS)}
    known = {name: headers[name] for name in _COPIED if name in headers}
    return {**ours, **known, "Cache-Control": "no-store"}
