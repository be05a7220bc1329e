"""POST /v1/chat/completions: the bodies, and a streamed answer as chunks."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from gagarin.server import replies, sse
from gagarin.server.answers import Answered
from gagarin.server.heartbeat import Heartbeat
from gagarin.server.observe import TRACE
from gagarin.server.openaiapi import faults
from gagarin.server.openaiapi.dialogue import OWN_TOOLS, DialogueMessage, Only
from gagarin.server.turns import ToolEvent
from gagarin.server.wire import DONE, Usage
from gagarin.serving.errors import Problem
from gagarin.serving.requests import hang_up

_encode = msgspec.json.Encoder().encode


class StreamOptions(msgspec.Struct, frozen=True):
    """`include_usage`: a last chunk says what was used."""

    include_usage: bool | None = None


class CompletionRequest(msgspec.Struct, frozen=True):
    """The fields that are heeded; the last ones are there to be refused."""

    model: str
    messages: Annotated[list[DialogueMessage], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    function_call: Any = None
    response_format: Any = None
    modalities: list[str] | None = None
    audio: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    web_search_options: Any = None


LIMITED: Mapping[str, Only] = {
    "tools": Only((None, []), OWN_TOOLS),
    "functions": Only((None, []), OWN_TOOLS),
    "tool_choice": Only((None, "none", "auto"), OWN_TOOLS),
    "function_call": Only((None, "none", "auto"), OWN_TOOLS),
    "n": Only((None, 1), "there is one answer to each request"),
    "response_format": Only((None, {"type": "text"}), "the shape of answers is the Agent's responseSchema"),
    "modalities": Only((None, [], ["text"]), "answers are text"),
    "audio": Only((None,), "answers are text"),
    "logprobs": Only((None, False), "probabilities are not passed on"),
    "top_logprobs": Only((None, 0), "probabilities are not passed on"),
    "web_search_options": Only((None,), OWN_TOOLS),
}


class CompletionMessage(msgspec.Struct, frozen=True):
    """The answer. `refusal` is set when the model said why it does not answer."""

    role: Literal["assistant"]
    content: str
    refusal: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """The one answer."""

    index: int
    message: CompletionMessage
    finish_reason: Literal["stop", "length", "content_filter"]
    logprobs: None = None


class Completion(msgspec.Struct, frozen=True):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Sequence[Choice]
    usage: Usage | None


def whole(answered: Answered, model: str) -> Completion:
    """The answer as one document."""
    refusal = answered.text if answered.finish == "refusal" else None
    message = CompletionMessage("assistant", answered.text, refusal)
    choice = Choice(0, message, _finish_reason(answered))
    return Completion(_new_id(), "chat.completion", int(time.time()), model, (choice,), answered.usage)


class ChunkStream:
    """A streamed answer. Tool calls are the agent's own business and not shown; comments bridge their
    time."""

    def __init__(
        self, request: web.Request, headers: Mapping[str, str], model: str, *, with_usage: bool
    ) -> None:
        self._request = request
        self.response = replies.streaming("text/event-stream", headers)
        self._heartbeat = Heartbeat(self.response)
        self.begun = False
        self._with_usage = with_usage
        named = _encode(
            {"id": _new_id(), "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        )
        self._head = named[:-1] + b',"choices":['
        self._tail = b'],"usage":null}' if with_usage else b"]}"

    async def begin(self, conversation: str | None) -> None:
        """Send the headers, and who speaks."""
        self.begun = True
        replies.keep_small(self._request)
        await self.response.prepare(self._request)
        self._heartbeat.start()
        await self._send(self._chunk(b'{"role":"assistant","content":""}'))

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one chunk."""
        await self._send(self._chunk(b'{"content":%b}' % _encode("".join(texts))))

    async def tool(self, event: ToolEvent) -> None:
        """Not shown."""

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """Why it ends, what was used if that was asked for, and the end mark."""
        self._request[TRACE].answered(answered, conversation)
        last = self._chunk(b"{}", _encode(_finish_reason(answered)))
        if self._with_usage:
            last += sse.message(b'%b],"usage":%b}' % (self._head, _encode(answered.usage)))
        await self._finish(last)

    async def fail(self, problem: Problem) -> None:
        """An error where a chunk is expected: clients raise it."""
        await self._finish(sse.message(_encode(faults.body(problem))))

    def cut(self) -> None:
        """End the connection at once."""
        hang_up(self._request)

    def close(self) -> None:
        """Nobody reads it any more."""
        self._heartbeat.stop()

    def _chunk(self, delta: bytes, finish_reason: bytes = b"null") -> bytes:
        choice = b'{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}' % (delta, finish_reason)
        return sse.message(self._head + choice + self._tail)

    async def _send(self, data: bytes) -> None:
        self._heartbeat.wrote()
        await replies.send(self._request, self.response, data)

    async def _finish(self, data: bytes) -> None:
        self._heartbeat.stop()
        await self._send(data + sse.message(DONE))


def _finish_reason(answered: Answered) -> Literal["stop", "length", "content_filter"]:
    if answered.finish == "length":
        return "length"
    return "content_filter" if answered.finish == "content_filter" else "stop"


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_urlsafe(18)}"
