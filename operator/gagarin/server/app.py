"""The chat API: its routes, each a few lines over the modules that do the work.

Every route admits its caller before it reads anything else of the request.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from gagarin.core.config import Config
from gagarin.server import body, problems, replies
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.gate import Gate
from gagarin.server.auth.identity import Caller
from gagarin.server.body import Question
from gagarin.server.chat import Chats
from gagarin.server.history.store import Store
from gagarin.server.limits import ChatSlots
from gagarin.server.logs import Log
from gagarin.server.metrics import Metrics
from gagarin.server.observe import TRACE, Observer, problem_of

MAX_PAGE = 1000
PAGE = 100
_encode = msgspec.json.Encoder().encode


class ChatApi:
    """The handlers of one Instance."""

    def __init__(
        self,
        config: Config,
        gate: Gate,
        chats: Chats,
        store: Store,
        log: Log,
        metrics: Metrics,
        body_timeout: float,
    ) -> None:
        self._gate = gate
        self._chats = chats
        self._store = store
        self._log = log
        self._metrics = metrics
        self._max_chars = config.limits.max_input_chars
        self._max_bytes = body.most_bytes(self._max_chars)
        self._body_timeout = body_timeout
        self._slots = ChatSlots(config.limits.max_concurrent_chats)
        self._headers = instance_headers(config)

    def application(self) -> web.Application:
        """The routes."""
        observer = Observer(self._log, self._metrics)
        app = web.Application(middlewares=[observer.middleware], client_max_size=self._max_bytes)
        app.router.add_post("/chat", self.chat)
        app.router.add_post("/stream", self.stream)
        app.router.add_get("/conversations", self.conversations, allow_head=False)
        app.router.add_get("/conversations/{id}", self.read, allow_head=False)
        app.router.add_delete("/conversations/{id}", self.delete)
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /chat."""
        caller, question = await self._question(request)
        with self._slots.take(caller.identity.user), self._metrics.chats.track_inprogress():
            answer = await self._chats.complete(caller, question)
        request[TRACE].conversation = answer.conversation
        return self._json(answer)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """POST /stream."""
        caller, question = await self._question(request)
        output = replies.streamed(request, self._headers)
        with self._slots.take(caller.identity.user), self._metrics.chats.track_inprogress():
            try:
                await self._chats.stream(caller, question, output)
            except ConnectionError:
                raise
            except Exception as error:
                if not output.begun:
                    raise
                problem = problem_of(error, request, self._log)
                request[TRACE].problem = problem.slug
                await output.fail(problem)
        request[TRACE].conversation = output.response.headers.get(replies.CONVERSATION_HEADER)
        return output.response

    async def conversations(self, request: web.Request) -> web.StreamResponse:
        """GET /conversations."""
        caller = await self._admit(request, "get")
        try:
            page = await self._store.page(caller.owner, _limit(request), request.query.get("before"))
        except ValueError as error:
            raise problems.invalid_query("before", "it is not what an earlier page gave") from error
        return self._json(page)

    async def read(self, request: web.Request) -> web.StreamResponse:
        """GET /conversations/ID."""
        caller = await self._admit(request, "get")
        conversation = _conversation(request)
        before = _whole(request, "before", 2**31) if "before" in request.query else None
        found = await self._store.read(caller.owner, conversation, _limit(request), before)
        if found is None:
            raise problems.unknown_conversation(conversation)
        return self._json(found)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """DELETE /conversations/ID."""
        caller = await self._admit(request, "delete")
        conversation = _conversation(request)
        if not await self._store.delete(caller.owner, conversation):
            raise problems.unknown_conversation(conversation)
        return web.Response(status=204, headers=self._headers)

    async def _question(self, request: web.Request) -> tuple[Caller, Question]:
        caller = await self._admit(request, "create")
        text = await body.read(request, self._body_timeout, self._max_bytes)
        question = body.question(text, self._max_chars)
        request[TRACE].conversation = question.conversation and question.conversation[:64]
        return caller, question

    async def _admit(self, request: web.Request, verb: Verb) -> Caller:
        caller = await self._gate.admit(request.headers, verb)
        request[TRACE].caller = caller.identity.user
        return caller

    def _json(self, answer: Any) -> web.Response:
        headers = {**self._headers, "Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=_encode(answer), headers=headers)


def instance_headers(config: Config) -> dict[str, str]:
    """What every answer says of the Instance (RFC 9651 syntax): what becomes of the history, and which
    revision of the configuration answered."""
    kept = config.history.type
    return {
        "Gagarin-History": f"{kept};lost-on-rollout" if kept == "Ephemeral" else kept,
        "Gagarin-Revision": config.revision,
    }


def _limit(request: web.Request) -> int:
    return _whole(request, "limit", MAX_PAGE) if "limit" in request.query else PAGE


def _whole(request: web.Request, name: str, most: int) -> int:
    text = request.query[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= most):
        raise problems.invalid_query(name, f"a whole number from 1 to {most}")
    return int(text)


def _conversation(request: web.Request) -> str:
    """The id in the path; one that the server cannot have made is unknown like any other."""
    conversation = request.match_info["id"]
    if len(conversation) > 64 or not conversation.isascii():
        raise problems.unknown_conversation(ascii(conversation))
    return conversation
