"""The routes of the stub model server: OpenAI's, the record of requests, and a health check."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from gagarin.stub import answers, directive, embeddings, record
from gagarin.stub.chunks import Stream
from gagarin.stub.delivery import send_body, send_stream
from gagarin.stub.errors import ApiError, HungUpError
from gagarin.stub.keys import Keys
from gagarin.stub.record import Record
from gagarin.stub.requests import ChatRequest, EmbeddingRequest, decode, decode_chat
from gagarin.stub.rules import Asked, Rulebook, Script

CONTROL_HEADER = "Stub-Reply"
DEFAULT_MODELS = ("stub-chat", "stub-embedding")
MAX_BODY_BYTES = 16 * 1024 * 1024
_STARTED = 1_700_000_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(script: Script, keys: Keys, record_size: int = 1000) -> web.Application:
    """The application; every request to it is answered in OpenAI's shape, errors too."""
    stub = Stub(script, keys, record_size)
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[answer_errors])
    app.add_routes(
        [
            web.get("/healthz", stub.healthz),
            web.get("/requests", stub.show_requests),
            web.delete("/requests", stub.clear_requests),
            web.post("/v1/chat/completions", stub.chat),
            web.post("/v1/embeddings", stub.embed),
            web.get("/v1/models", stub.list_models),
            web.get("/v1/models/{model:.+}", stub.show_model),
            web.route("*", "/{path:.*}", stub.unknown),
        ]
    )
    return app


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors of ours and of aiohttp into OpenAI's error shape."""
    try:
        return await handler(request)
    except ApiError as error:
        return _error_response(error)
    except (HungUpError, ConnectionError):
        return web.Response()  # reaches nobody: the connection is closed, by us or by the client
    except web.HTTPRequestEntityTooLarge:
        message = f"The request body is larger than {MAX_BODY_BYTES} bytes."
        return _error_response(ApiError(413, message, code="request_too_large"))


def _error_response(error: ApiError) -> web.Response:
    headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:g}"}
    return web.Response(
        status=error.status, body=error.body(), content_type="application/json", headers=headers
    )


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


class Stub:
    """The handlers and what they share."""

    def __init__(self, script: Script, keys: Keys, record_size: int) -> None:
        self._models = script.models
        self._rules = Rulebook(script)
        self._keys = keys
        self._record = Record(record_size)

    async def _take(self, request: web.Request) -> tuple[int, bytes]:
        """Record the request, then check its key. Gives its number and body."""
        body = await request.read()
        number = self._record.add(request.method, request.path_qs, request.headers.items(), body)
        self._keys.check(record.credential(request.headers.get("Authorization", "")))
        return number, body

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        number, body = await self._take(request)
        chat = decode_chat(body)
        self._check_model(chat.model)
        reply = self._rules.choose(_asked(request, chat))
        authorization = request.headers.get("Authorization")
        key = authorization and f"the key {record.fingerprint(authorization)}"
        answer = answers.compose(chat, reply, key, number, int(time.time()))
        if chat.stream:
            usage = chat.stream_options is not None and bool(chat.stream_options.include_usage)
            return await send_stream(request, reply, Stream(answer, usage))
        return await send_body(request, reply, answers.encode(answer), len(answer.tokens))

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/embeddings`."""
        _, body = await self._take(request)
        asked = decode(body, EmbeddingRequest)
        self._check_model(asked.model)
        texts = asked.texts()
        control = request.headers.get(CONTROL_HEADER)
        reply = self._rules.choose(Asked("embeddings", asked.model, "user", texts[0], control))
        vectors = embeddings.encode(asked.model, texts, asked.dimensions, asked.encoding_format)
        return await send_body(request, reply, vectors)

    def _check_model(self, model: str) -> None:
        if self._models is not None and model not in self._models:
            message = f"The model `{model}` does not exist or you do not have access to it."
            raise ApiError(404, message, param="model", code="model_not_found")

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/models`."""
        await self._take(request)
        models = DEFAULT_MODELS if self._models is None else self._models
        return _json({"object": "list", "data": [_model(name) for name in models]})

    async def show_model(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/models/NAME`."""
        await self._take(request)
        name = request.match_info["model"]
        self._check_model(name)
        return _json(_model(name))

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Any other path or method: 404, and recorded, so that a wrong base URL is easy to find."""
        await self._take(request)
        raise ApiError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")

    async def healthz(self, _: web.Request) -> web.StreamResponse:
        """`GET /healthz`."""
        return _json({"status": "ok"})

    async def show_requests(self, _: web.Request) -> web.StreamResponse:
        """`GET /requests`."""
        return web.Response(body=self._record.encode(), content_type="application/json")

    async def clear_requests(self, _: web.Request) -> web.StreamResponse:
        """`DELETE /requests`: forget the requests and how often rules were used."""
        self._record.clear()
        self._rules.reset()
        return web.Response(status=204)


def _asked(request: web.Request, chat: ChatRequest) -> Asked:
    control = request.headers.get(CONTROL_HEADER) or directive.find(chat.last_user_text)
    last = chat.messages[-1]
    return Asked("chat", chat.model, last.role, last.text, control)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": "stub"}
