"""One open socket: messages in, answers out, one after the other.

Two tasks work on it. One reads: it puts questions into a short line and heeds `cancel`. The other answers the
line, and closes the socket when it is time. Everything that is sent waits for the reader of the other side,
so that a slow one slows the model; whoever sends more than is answered is told so.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from aiohttp import WSMessage, WSMsgType, web
from msgspec import Meta

from gagarin.server import body, problems, requestheaders
from gagarin.server.admission import Admission
from gagarin.server.answers import Answered
from gagarin.server.auth.gate import Headers
from gagarin.server.auth.identity import Caller
from gagarin.server.chat import Chats
from gagarin.server.history.store import StoredMessage
from gagarin.server.metrics import Metrics
from gagarin.server.observe import Trace, problem_of
from gagarin.server.replies import end_of, goes_at_once
from gagarin.server.turns import Question, ToolEvent
from gagarin.serving.connections import close_socket
from gagarin.serving.errors import Problem
from gagarin.serving.logs import Log
from gagarin.serving.problems import problem_document

MAX_WAITING = 4  # questions beside the one that is being answered


class Close(NamedTuple):
    """Why a socket is closed. Codes from 4000 on are ours, their last digits those of HTTP."""

    code: int
    reason: str


GOING_AWAY = Close(1012, "the pod is going away; connect again")
FORBIDDEN = Close(1008, "access is no longer allowed")
NOT_TEXT = Close(1003, "only text is understood")
FAILED = Close(1011, "the server made a mistake")
EXPIRED = Close(4401, "the token has expired; connect again with a new one")
_CLOSING = {401: EXPIRED, 403: FORBIDDEN, 500: FAILED}


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message that is JSON: a question as in the body of /chat, or `{"type": "cancel"}`."""

    type: Literal["message", "cancel"] = "message"
    input: Annotated[str, Meta(description="What is said")] = ""
    conversation: str | None = None


class History(NamedTuple):
    """What a socket begins with: its conversation, if it has one already, and the newest messages of it."""

    conversation: str | None
    messages: Sequence[StoredMessage] = ()
    before: int | None = None


class Room(NamedTuple):
    """What all sockets of an Instance share."""

    admission: Admission
    chats: Chats
    log: Log
    metrics: Metrics


_decoder = msgspec.json.Decoder(Said)
_encode = msgspec.json.Encoder().encode


class SocketSession:
    """One socket of one caller. `headers` are what the caller is admitted by, again for each question."""

    def __init__(
        self,
        room: Room,
        request: web.Request,
        socket: web.WebSocketResponse,
        caller: Caller,
        headers: Headers,
        history: History,
    ) -> None:
        self._room = room
        self._request = request
        self._socket = socket
        self._caller = caller
        self._headers = headers
        self._history = history
        self._conversation = history.conversation
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self._close: Close | None = None
        self._current: asyncio.Task[None] | None = None

    async def run(self, now: float) -> None:
        """Until either side closes it. `now` is Unix time."""
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(max(self._caller.expires - now, 0.0), self.finish, EXPIRED)
        answering = asyncio.create_task(self._answer_all())
        try:
            await self._read()
        finally:
            expiry.cancel()
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    def finish(self, close: Close) -> None:
        """Close it after the answer that is being made."""
        self._close = self._close or close
        self._wake.set()

    async def send(self, kind: str, **members: Any) -> None:
        """A frame of JSON."""
        frame = _encode({"type": kind, **members})
        sending = self._socket.send_frame(frame, WSMsgType.TEXT)
        await (sending if goes_at_once(self._request, len(frame)) else asyncio.shield(sending))

    async def _read(self) -> None:
        await self.send("history", **self._history._asdict())
        async for message in self._socket:
            try:
                self._take(message)
            except Problem as problem:
                await self._tell(problem)

    def _take(self, message: WSMessage) -> None:
        if message.type is not WSMsgType.TEXT:
            self.finish(NOT_TEXT)
            return
        text: str = message.data
        if text.lstrip().startswith("{"):
            said = body.decoded(_decoder, text)
            if said.type == "cancel":
                self._cancel()
                return
            self._check_conversation(said)
            text = said.input
        body.check_text("#/input", text, self._room.admission.max_chars)
        if len(self._waiting) >= MAX_WAITING:
            raise problems.too_many_messages(MAX_WAITING)
        self._waiting.append(text)
        self._wake.set()

    def _check_conversation(self, said: Said) -> None:
        if said.conversation is not None and said.conversation != self._conversation:
            raise problems.invalid("#/conversation", "a socket has one, which its URL names")

    def _cancel(self) -> None:
        if self._current is not None:
            self._current.cancel()

    async def _answer_all(self) -> None:
        """One question after the other; then the end."""
        while self._close is None:
            if self._waiting:
                await self._answer(self._waiting.popleft())
            else:
                self._wake.clear()
                await self._wake.wait()
        await close_socket(self._request, self._socket, *self._close)

    async def _answer(self, text: str) -> None:
        """Answer one question, unless it is cancelled; whatever comes of it, the next one can be answered."""
        began = time.perf_counter()
        output = _Frames(self)
        self._current = asyncio.create_task(self._chat(text, output))
        status = 499
        try:
            status = await self._outcome(self._current, output.trace)
        finally:
            self._current = None
            seconds = time.perf_counter() - began
            self._record(output.trace, status, seconds)

    async def _outcome(self, current: asyncio.Task[None], trace: Trace) -> int:
        """How it went, as an HTTP status."""
        try:
            await current
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self.send("cancelled", conversation=self._conversation)
            return 499
        except ConnectionError:
            return 499
        except Exception as error:  # noqa: BLE001  # the last stop: the socket lives on, or is closed in order
            problem = problem_of(error, self._request, self._room.log)
            trace.problem = problem.slug
            await self._tell(problem)
            return problem.status
        return 200

    async def _chat(self, text: str, output: _Frames) -> None:
        admission = self._room.admission
        caller = await admission.admit(self._request, "create", self._headers)
        question = Question(text, self._conversation, None, requestheaders.origin(self._request))
        with admission.chat(caller):
            await self._room.chats.stream(caller, question, output)

    async def _tell(self, problem: Problem) -> None:
        await self.send("error", problem=problem_document(problem))
        if (close := _CLOSING.get(problem.status)) is not None:
            self.finish(close)

    def began(self, conversation: str | None) -> None:
        """The conversation is known now; the next question goes on with it."""
        self._conversation = conversation

    def _record(self, trace: Trace, status: int, seconds: float) -> None:
        trace.caller = self._caller.identity.user
        fields = {"path": "/ws", "status": status, "duration_ms": round(seconds * 1000, 3), **trace.fields()}
        self._room.log.access(method="MESSAGE", **fields)
        self._room.metrics.failed(trace.problem)


class _Frames:
    """The output of one answer."""

    def __init__(self, session: SocketSession) -> None:
        self._session = session
        self.trace = Trace()

    async def begin(self, conversation: str | None) -> None:
        """The answer is about to come."""
        self._session.began(conversation)
        self.trace.conversation = conversation
        await self._session.send("begin", conversation=conversation)

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one frame."""
        await self._session.send("token", text="".join(texts))

    async def tool(self, event: ToolEvent) -> None:
        """A call begins, or ended."""
        await self._session.send("tool", **msgspec.to_builtins(event))

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """The last frames."""
        self.trace.answered(answered, conversation)
        if answered.usage is not None:
            await self._session.send("usage", **msgspec.to_builtins(answered.usage))
        await self._session.send("done", **msgspec.to_builtins(end_of(answered, conversation)))
