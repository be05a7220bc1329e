"""The routes below /v1/. The only model there is the Instance, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

import msgspec
from aiohttp import web

from gagarin.core.config import Config
from gagarin.server import body, replies, requestheaders
from gagarin.server.admission import Admission
from gagarin.server.auth.identity import Caller
from gagarin.server.chat import Chats
from gagarin.server.observe import TRACE, Streamed, told
from gagarin.server.openaiapi import completions, dialogue, faults, responses
from gagarin.server.openaiapi.completions import ChunkStream, CompletionRequest
from gagarin.server.openaiapi.responses import Draft, ResponseRequest, ResponseStream
from gagarin.server.openapi import EVENTS, JSON, Answer, Operation, Parameter, Route, Schema
from gagarin.server.turns import Dialogue
from gagarin.serving.logs import Log

PROBLEMS = (400, 404, 408, 413, 429, 502, 504)
_completion_decoder = msgspec.json.Decoder(CompletionRequest)
_response_decoder = msgspec.json.Decoder(ResponseRequest)
_NAME = Parameter("name", "path", "The name of the Instance", {"type": "string"})


class Model(msgspec.Struct, frozen=True):
    """The Instance as a model."""

    id: str
    owned_by: str
    created: int = 0
    object: Literal["model"] = "model"


class Models(msgspec.Struct, frozen=True):
    """All models that there are: one."""

    data: Sequence[Model]
    object: Literal["list"] = "list"


class _Stream(Streamed, Protocol):
    """A streamed answer."""

    response: web.StreamResponse

    def close(self) -> None: ...


A = TypeVar("A", CompletionRequest, ResponseRequest)


class OpenAiRoutes:
    """The handlers."""

    def __init__(self, admission: Admission, config: Config, chats: Chats, log: Log) -> None:
        self._admission = admission
        self._chats = chats
        self._log = log
        self._limits = config.limits
        self._model = Model(config.name, config.namespace)

    def bounds(self) -> dict[str, Schema]:
        """What schemas cannot say by themselves."""
        limited = {"CompletionRequest": completions.LIMITED, "ResponseRequest": responses.LIMITED}
        bounds: dict[str, Schema] = {f"{request}.model": {"const": self._model.id} for request in limited}
        for request, fields in limited.items():
            bounds |= {f"{request}.{name}": {"enum": list(only.values)} for name, only in fields.items()}
        return bounds

    def routes(self) -> list[Route]:
        """What they are for."""
        completion = Answer("The answer, or its chunks", {JSON: completions.Completion, EVENTS: None})
        response = Answer("The answer, or its events", {JSON: responses.Response, EVENTS: None})
        return [
            Route(
                "POST",
                "/v1/chat/completions",
                self.complete,
                Operation(
                    "createChatCompletion",
                    "OpenAI's chat completions",
                    "create",
                    completion,
                    CompletionRequest,
                    problems=PROBLEMS,
                ),
            ),
            Route(
                "POST",
                "/v1/responses",
                self.respond,
                Operation(
                    "createResponse",
                    "OpenAI's responses, without state",
                    "create",
                    response,
                    ResponseRequest,
                    problems=PROBLEMS,
                ),
            ),
            Route(
                "GET",
                "/v1/models",
                self.models,
                Operation("listModels", "The one model", "create", Answer("It", {JSON: Models})),
            ),
            Route(
                "GET",
                "/v1/models/{name}",
                self.model,
                Operation(
                    "readModel",
                    "The one model",
                    "create",
                    Answer("It", {JSON: Model}),
                    parameters=(_NAME,),
                    problems=(404,),
                ),
            ),
        ]

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        caller = await self._admission.admit(request, "create")
        asked, headers = await self._asked(request, _completion_decoder)
        dialogue.refuse(asked, completions.LIMITED)
        read = dialogue.read(asked.messages, "messages", self._limits, requestheaders.origin(request))
        if asked.stream:
            with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
            output = ChunkStream(request, headers, self._model.id, with_usage=with_usage)
            return await self._stream(request, caller, read, output)
        with self._admission.chat(caller):
            answered = await self._chats.complete_dialogue(caller, read)
        request[TRACE].answered(answered, None)
        return replies.document(completions.whole(answered, self._model.id), headers)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/responses."""
        caller = await self._admission.admit(request, "create")
        asked, headers = await self._asked(request, _response_decoder)
        responses.refuse(asked)
        origin = requestheaders.origin(request)
        read = dialogue.read(asked.messages, "input", self._limits, origin, asked.instructions or "")
        draft = Draft(self._model.id, asked.instructions)
        if asked.stream:
            return await self._stream(request, caller, read, ResponseStream(request, headers, draft))
        with self._admission.chat(caller):
            answered = await self._chats.complete_dialogue(caller, read)
        request[TRACE].answered(answered, None)
        return replies.document(draft.finished(answered), headers)

    async def models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        await self._admission.admit(request, "create")
        return replies.document(Models((self._model,)), self._admission.headers)

    async def model(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models/NAME."""
        await self._admission.admit(request, "create")
        self._check_model(request.match_info["name"])
        return replies.document(self._model, self._admission.headers)

    async def _stream(
        self, request: web.Request, caller: Caller, read: Dialogue, output: _Stream
    ) -> web.StreamResponse:
        try:
            with self._admission.chat(caller):
                await told(self._chats.stream_dialogue(caller, read, output), output, request, self._log)
        finally:
            output.close()
        return output.response

    async def _asked(
        self, request: web.Request, decoder: msgspec.json.Decoder[A]
    ) -> tuple[A, dict[str, str]]:
        """What a body asks for, and the headers of its answer."""
        text = await self._admission.body(request, self._admission.max_dialogue_bytes)
        asked = body.decoded(decoder, text)
        self._check_model(asked.model)
        return asked, {**self._admission.headers, **dialogue.ignored(text, asked)}

    def _check_model(self, name: str) -> None:
        if name != self._model.id:
            raise faults.unknown_model(name, self._model.id)
