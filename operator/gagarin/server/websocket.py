"""GET /ws: a conversation over a WebSocket (RFC 6455), subprotocol `gagarin.v1`.

A browser cannot set headers, so it offers its token as a second subprotocol, `bearer.TOKEN`; only
`gagarin.v1` is ever selected. Tokens are explicit, there are no cookies: a page of another origin can use
nothing that its user did not give it, so that origins need not be judged. Refusals come before the handshake,
as problem documents.
"""

from __future__ import annotations

import time

from aiohttp import web
from multidict import CIMultiDict

from gagarin.server import problems, replies
from gagarin.server.admission import Admission
from gagarin.server.auth.gate import Headers
from gagarin.server.auth.identity import Caller
from gagarin.server.chat import Chats
from gagarin.server.history.store import Conversation, Store
from gagarin.server.metrics import Metrics
from gagarin.server.observe import TRACE
from gagarin.server.openapi import Answer, Operation, Parameter, Route
from gagarin.server.socketsession import GOING_AWAY, History, Room, SocketSession
from gagarin.serving.connections import CLOSE_SECONDS
from gagarin.serving.logs import Log
from gagarin.serving.subprotocols import BEARER, PROTOCOL, check_handshake, offered_token

PING_SECONDS = 20.0  # and half of it for the answer
HISTORY_TURNS = 100
_CONVERSATION = Parameter("conversation", "query", "The id of one of the caller's", {"type": "string"})


class Sockets:
    """All sockets of one Instance."""

    def __init__(self, admission: Admission, chats: Chats, store: Store, log: Log, metrics: Metrics) -> None:
        self._admission = admission
        self._store = store
        self._metrics = metrics
        self._room = Room(admission, chats, log, metrics)
        self._sessions: set[SocketSession] = set()
        self._draining = False

    def routes(self) -> list[Route]:
        """What they are for."""
        switched = Answer("A WebSocket", status=101)
        operation = Operation(
            "socket",
            "A conversation over a WebSocket",
            "create",
            switched,
            parameters=(_CONVERSATION,),
            problems=(400, 404, 426),
            description=f"Subprotocol `{PROTOCOL}`; a browser also offers `{BEARER}TOKEN`.",
        )
        return [Route("GET", "/ws", self.open, operation)]

    async def open(self, request: web.Request) -> web.StreamResponse:
        """GET /ws."""
        headers = credentials(request)
        caller = await self._admission.admit(request, "create", headers)
        history = await self._history(request, caller)
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            heartbeat=PING_SECONDS,
            protocols=(PROTOCOL,),
            compress=False,
            max_msg_size=self._admission.max_bytes,
            writer_limit=replies.WRITE_BUFFER,
        )
        check_handshake(socket, request)
        socket.headers.update(self._admission.headers)
        replies.keep_small(request)
        await socket.prepare(request)
        with self._metrics.sockets.track_inprogress():
            await self._run(SocketSession(self._room, request, socket, caller, headers, history))
        return socket

    def drain(self) -> None:
        """Every socket is closed after the answer that it waits for."""
        self._draining = True
        for session in self._sessions:
            session.finish(GOING_AWAY)

    async def _run(self, session: SocketSession) -> None:
        self._sessions.add(session)
        if self._draining:
            session.finish(GOING_AWAY)
        try:
            await session.run(time.time())
        finally:
            self._sessions.discard(session)

    async def _history(self, request: web.Request, caller: Caller) -> History:
        name = request.query.get("conversation")
        if name is None:
            return History(None)
        request[TRACE].conversation = name[:64]
        found: Conversation | None = None
        if len(name) <= 64 and name.isascii():
            found = await self._store.read(caller.owner, name, HISTORY_TURNS, None)
        if found is None:
            raise problems.unknown_conversation(ascii(name))
        return History(found.id, found.messages, found.before)


def credentials(request: web.Request) -> Headers:
    """The request's headers, with the token that its subprotocols hold. Raises `Problem` 400."""
    token = offered_token(request)
    if token is None or "Authorization" in request.headers:
        return request.headers
    headers = CIMultiDict(request.headers)
    headers["Authorization"] = f"Bearer {token}"
    return headers
