"""The chat API of one Instance: all routes, and what they share.

Every route admits its caller before it reads anything else of the request. /openapi.json is made from the
same table as the router.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from aiohttp import web

from gagarin.core.config import Config
from gagarin.server import openapi, replies
from gagarin.server.admission import Admission
from gagarin.server.auth.gate import Gate
from gagarin.server.budgets import Budgets
from gagarin.server.chat import Chats
from gagarin.server.chatroutes import ChatRoutes
from gagarin.server.history.store import Store
from gagarin.server.historyroutes import HistoryRoutes
from gagarin.server.metrics import Metrics
from gagarin.server.observe import Observer
from gagarin.server.openaiapi.routes import OpenAiRoutes
from gagarin.server.openapi import JSON, Answer, Operation, Route, Schema
from gagarin.server.resume import Streams
from gagarin.server.websocket import Sockets
from gagarin.serving.logs import Log
from gagarin.serving.tracing import PASS_ON, Tracing


class Waits(Protocol):
    """How long is waited for clients, in seconds."""

    @property
    def body_timeout(self) -> float: ...
    @property
    def resume_seconds(self) -> float: ...


class ChatApi:
    """The application of one Instance, and what lives as long as it."""

    def __init__(
        self,
        config: Config,
        gate: Gate,
        chats: Chats,
        store: Store,
        budgets: Budgets,
        log: Log,
        metrics: Metrics,
        settings: Waits,
        tracing: Tracing = PASS_ON,
    ) -> None:
        headers = instance_headers(config)
        self._config = config
        self._log = log
        self._metrics = metrics
        self._tracing = tracing
        self._admission = admission = Admission(gate, config.limits, metrics, settings.body_timeout, headers)
        self._streams = Streams(settings.resume_seconds, headers)
        self._sockets = Sockets(admission, chats, store, log, metrics)
        self._openai = OpenAiRoutes(admission, config, chats, log)
        self._routes = [
            *ChatRoutes(admission, chats, self._streams, log).routes(),
            *self._sockets.routes(),
            *HistoryRoutes(admission, store, budgets).routes(),
            *self._openai.routes(),
            Route("GET", "/openapi.json", self.describe, _DESCRIBE),
        ]
        self._document = msgspec.json.encode(self.description())

    def application(self) -> web.Application:
        """The routes."""
        observer = Observer(self._log, self._metrics, self._tracing)
        app = web.Application(middlewares=[observer.middleware])
        for route in self._routes:
            app.router.add_route(route.method, route.path, route.handler)
        return app

    def description(self) -> Schema:
        """The OpenAPI document."""
        config = self._config
        title = config.title or config.display_name or config.name
        bounds = {
            "Question.input": {"maxLength": config.limits.max_input_chars},
            **self._openai.bounds(),
        }
        return openapi.document(self._routes, title, config.description, bounds)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """GET /openapi.json."""
        await self._admission.admit(request, "create")
        return replies.document(msgspec.Raw(self._document), self._admission.headers)

    def drain(self) -> None:
        """No new questions: sockets close after the answer that they wait for."""
        self._sockets.drain()

    async def close(self) -> None:
        """Stop what nobody waits for any more."""
        await self._streams.close()


_DESCRIBE = Operation("describe", "This description", "create", Answer("It", {JSON: None}))


def instance_headers(config: Config) -> dict[str, str]:
    """What every answer says of the Instance (RFC 9651 syntax): what becomes of the history, and which
    revision of the configuration answered."""
    kept = config.history.type
    return {
        "Gagarin-History": f"{kept};lost-on-rollout" if kept == "Ephemeral" else kept,
        "Gagarin-Revision": config.revision,
    }
