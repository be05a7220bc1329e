"""The native chat: /chat answers in one piece, /stream as it is made."""

from __future__ import annotations

from aiohttp import web

from gagarin.server import body, replies, requestheaders
from gagarin.server.admission import Admission
from gagarin.server.auth.identity import Caller
from gagarin.server.chat import Chats
from gagarin.server.observe import TRACE, Streamed, told
from gagarin.server.openapi import EVENTS, JSON, Answer, Operation, Parameter, Route
from gagarin.server.replies import TextStream
from gagarin.server.resume import Streams
from gagarin.server.turns import Question
from gagarin.serving.logs import Log
from gagarin.serving.problems import invalid_header

LAST_EVENT_ID = "Last-Event-ID"
PROBLEMS = (400, 404, 408, 413, 422, 429, 502, 504)
_TEXT = {"type": "string"}
HEADERS = (
    Parameter(
        requestheaders.IDEMPOTENCY_KEY,
        "header",
        "A repeat with this key and the same body within 24 hours gets the first answer",
        {"type": "string", "pattern": f"^[ -~]{{1,{requestheaders.MAX_KEY}}}$"},
    ),
    Parameter(
        requestheaders.DEPTH,
        "header",
        "How many agents have called each other to get here",
        {"type": "integer", "minimum": 0, "maximum": requestheaders.MAX_DEPTH},
    ),
)
RESUMED = Parameter(
    LAST_EVENT_ID,
    "header",
    "Go on with an earlier stream of the caller, after this event; the body is not looked at",
    {"type": "string", "pattern": r"^[-_A-Za-z0-9]+\.[0-9]+$"},
)
EVENTS_TOLD = (
    "Events: `token` {text}, `tool` {id, name, arguments, outcome}, then `usage` and `done` {conversation, "
    "...}; or `error` {a problem}. With `Accept: text/plain`, the text alone."
)


class ChatRoutes:
    """The handlers."""

    def __init__(self, admission: Admission, chats: Chats, streams: Streams, log: Log) -> None:
        self._admission = admission
        self._chats = chats
        self._streams = streams
        self._log = log

    def routes(self) -> list[Route]:
        """What they are for."""
        answer = Answer("The whole answer", {JSON: replies.Answer})
        streamed = Answer(EVENTS_TOLD, {EVENTS: None, "text/plain": None})
        rest = Answer("What follows the event", {EVENTS: None})
        return [
            Route(
                "POST",
                "/chat",
                self.chat,
                Operation("chat", "Say something", "create", answer, body.Question, HEADERS, PROBLEMS),
            ),
            Route(
                "POST",
                "/stream",
                self.stream,
                Operation(
                    "stream",
                    "Say something, and read the answer as it is made",
                    "create",
                    streamed,
                    body.Question,
                    (*HEADERS, RESUMED),
                    (*PROBLEMS, 410),
                ),
            ),
            Route(
                "GET",
                "/stream",
                self.resume,
                Operation(
                    "resume",
                    "Go on reading an answer",
                    "create",
                    rest,
                    parameters=(RESUMED._replace(required=True),),
                    problems=(400, 404, 410),
                ),
            ),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /chat."""
        caller = await self._admission.admit(request, "create")
        question = await self._question(request, caller)
        with self._admission.chat(caller):
            answered, conversation = await self._chats.complete(caller, question)
        request[TRACE].answered(answered, conversation)
        return replies.document(replies.whole(answered, conversation), self._admission.headers)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """POST /stream."""
        caller = await self._admission.admit(request, "create")
        if (event := request.headers.get(LAST_EVENT_ID)) is not None:
            await self._admission.body(request, self._admission.max_bytes)
            return await self._streams.resume(request, caller.owner, event)
        question = await self._question(request, caller)
        if not replies.wants_text(request):
            return await self._streams.run(
                request, caller.owner, lambda live: self._answer(request, caller, question, live)
            )
        output = TextStream(request, self._admission.headers)
        await self._answer(request, caller, question, output)
        return output.response

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """GET /stream."""
        caller = await self._admission.admit(request, "create")
        event = request.headers.get(LAST_EVENT_ID)
        if event is None:
            raise invalid_header(LAST_EVENT_ID, "it is missing; a new answer is asked for with POST")
        return await self._streams.resume(request, caller.owner, event)

    async def _answer(
        self, request: web.Request, caller: Caller, question: Question, output: Streamed
    ) -> None:
        with self._admission.chat(caller):
            await told(self._chats.stream(caller, question, output), output, request, self._log)

    async def _question(self, request: web.Request, caller: Caller) -> Question:
        text = await self._admission.body(request, self._admission.max_bytes)
        asked = body.question(text, self._admission.max_chars)
        repeated, origin = requestheaders.idempotency(request, text), requestheaders.origin(request)
        if asked.conversation is not None:
            request[TRACE].conversation = asked.conversation[:64]
            self._streams.give_up(caller.owner, asked.conversation)
        return Question(asked.input, asked.conversation, repeated, origin)
