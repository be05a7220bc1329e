"""WebSockets: joined with one at the Instance's pod, frame by frame, until either side ends it.

A browser cannot set headers, so it offers its token as a second subprotocol, `bearer.TOKEN`; only
`gagarin.v1` is ever selected. A side that is gone without a word is found by pings.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable

import aiohttp
import msgspec
from aiohttp import WSMsgType, web

from gagarin.gateway import problems
from gagarin.gateway.destinations import Destination, Destinations
from gagarin.gateway.metrics import Metrics
from gagarin.gateway.relay import CONNECT_SECONDS
from gagarin.gateway.spans import pod_call
from gagarin.serving.connections import CLOSE_SECONDS, close_socket
from gagarin.serving.errors import Problem
from gagarin.serving.subprotocols import PROTOCOL, check_handshake, offered_token
from gagarin.serving.tracing import Tracing

PING_SECONDS = 20.0
MAX_FROM_POD = 64 * 1024 * 1024  # a history comes in one message
NORMAL, GOING_AWAY, BROKEN, EXPIRED = 1000, 1012, 1011, 4401
# "No code" and "no closing at all": codes that no close frame has (RFC 6455, section 7.4.1).
_NEVER_SENT: dict[int | None, int] = {1005: NORMAL, 1006: BROKEN}
Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class _Claims(msgspec.Struct):
    exp: float


class Sockets:
    """All sockets of the gateway. `now` gives Unix time."""

    def __init__(
        self,
        destinations: Destinations,
        session: aiohttp.ClientSession,
        max_bytes: int,
        metrics: Metrics,
        tracing: Tracing,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._destinations = destinations
        self._session = session
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._tracing = tracing
        self._now = now
        self._open: dict[web.WebSocketResponse, web.Request] = {}

    async def open(self, request: web.Request) -> web.StreamResponse:
        """GET /instances/{id}/ws."""
        authorization = authorization_of(request)
        destination = await self._destinations.destination(request, authorization)
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            heartbeat=PING_SECONDS,
            protocols=(PROTOCOL,),
            compress=False,
            max_msg_size=self._max_bytes,
        )
        check_handshake(socket, request)
        with self._metrics.relays.track_inprogress(), pod_call(self._tracing, "GET", destination):
            pod = await self._connected(request, destination)
            try:
                await socket.prepare(request)
                await self._joined(request, socket, pod, authorization)
            finally:
                await pod.close()
        return socket

    async def close(self) -> None:
        """End all of them; their clients connect again, somewhere else."""
        closing = [
            close_socket(request, socket, GOING_AWAY, "the gateway is going away")
            for socket, request in self._open.items()
        ]
        await asyncio.gather(*closing)

    async def _connected(
        self, request: web.Request, destination: Destination
    ) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(CONNECT_SECONDS + PING_SECONDS):
                return await self._session.ws_connect(
                    destination.url + "/ws",
                    params=request.query,
                    headers=destination.headers,
                    protocols=(PROTOCOL,),
                    heartbeat=PING_SECONDS,
                    max_msg_size=MAX_FROM_POD,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise self._refused(destination, error.status) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise problems.unreachable(destination.namespace, destination.name) from error

    def _refused(self, destination: Destination, status: int) -> Problem:
        if status == 401:
            self._destinations.refused(destination)
            return problems.not_permitted()
        return problems.socket_refused(status, destination.name)

    async def _joined(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        pod: aiohttp.ClientWebSocketResponse,
        authorization: str,
    ) -> None:
        """Until either side ends, or the caller's token does."""
        self._open[socket] = request
        ways = [asyncio.create_task(_passed(socket, pod)), asyncio.create_task(_passed(pod, socket))]
        left = expiry(authorization) - self._now()
        try:
            done, _ = await asyncio.wait(
                ways, timeout=min(left, 1e8) if left > 0 else 0, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                reason = "the token has expired; connect again with a new one"
                await close_socket(request, socket, EXPIRED, reason)
        finally:
            del self._open[socket]
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _passed(source: Socket, target: Socket) -> None:
    """Everything from one side to the other, its end included."""
    try:
        async for message in source:
            if message.type is WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
    except (ConnectionError, aiohttp.ClientError):
        pass  # the other side is gone: its own way tells how
    await target.close(code=_NEVER_SENT.get(source.close_code, source.close_code) or NORMAL)


def authorization_of(request: web.Request) -> str:
    """The Authorization header, or what stands for it among the subprotocols. Raises `Problem` 400."""
    token = offered_token(request)
    header: str = request.headers.get("Authorization", "")
    return header or (f"Bearer {token}" if token else "")


def expiry(authorization: str) -> float:
    """When a token ends (Unix time), if it is a JWT that says so. The API server has verified it; nothing
    is allowed because of what stands here."""
    parts = authorization.split(".")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=_Claims).exp
    except (IndexError, ValueError, msgspec.MsgspecError):
        return float("inf")
