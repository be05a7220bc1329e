"""POST /v1/responses: the bodies, and a streamed answer as typed events.

Stateless like the rest: `previous_response_id` and `conversation` are refused. A response's id would promise
what conversations here have not, such as to branch off at any answer, or to be fetched by that id.
"""

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
from gagarin.server.openaiapi import dialogue, faults
from gagarin.server.openaiapi.dialogue import OWN_TOOLS, DialogueMessage, Only
from gagarin.server.turns import ToolEvent
from gagarin.server.wire import Usage
from gagarin.serving.errors import Problem
from gagarin.serving.requests import hang_up

_encode = msgspec.json.Encoder().encode
_STATELESS = (
    "nothing is kept here: send the whole dialogue as `input`, or use /chat, which keeps conversations"
)


class TextAsked(msgspec.Struct, frozen=True):
    """The shape of the answer that is wanted: text, or nothing said about it."""

    format: Annotated[Any, Meta(extra_json_schema={"enum": [None, {"type": "text"}]})] = None


class ResponseRequest(msgspec.Struct, frozen=True):
    """The fields that are heeded; the last ones are there to be refused."""

    model: str
    input: (
        Annotated[str, Meta(extra_json_schema={"minLength": 1, "pattern": r"\S"})]
        | Annotated[list[DialogueMessage], Meta(min_length=1)]
    )
    instructions: str | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    text: TextAsked | None = None
    top_logprobs: int | None = None

    @property
    def messages(self) -> list[DialogueMessage]:
        """The dialogue; a text is a question."""
        return [DialogueMessage("user", self.input)] if isinstance(self.input, str) else self.input


LIMITED: Mapping[str, Only] = {
    "previous_response_id": Only((None,), _STATELESS),
    "conversation": Only((None,), _STATELESS),
    "background": Only((None, False), "answers are made while the client waits"),
    "prompt": Only((None,), "the prompt is the Agent's"),
    "tools": Only((None, []), OWN_TOOLS),
    "tool_choice": Only((None, "none", "auto"), OWN_TOOLS),
    "top_logprobs": Only((None, 0), "probabilities are not passed on"),
}


class OutputText(msgspec.Struct, frozen=True, tag_field="type", tag="output_text"):
    """The answer's text."""

    text: str
    annotations: tuple[()] = ()
    logprobs: tuple[()] = ()


class Refusal(msgspec.Struct, frozen=True, tag_field="type", tag="refusal"):
    """Why the model does not answer."""

    refusal: str


class OutputMessage(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    """The answer."""

    id: str
    status: Literal["in_progress", "completed", "incomplete"]
    content: Sequence[OutputText | Refusal] = ()
    role: Literal["assistant"] = "assistant"


class InputDetails(msgspec.Struct, frozen=True):
    """Not known here."""

    cached_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True):
    """Not known here."""

    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct, frozen=True):
    """Tokens, as the provider counted them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputDetails = InputDetails()
    output_tokens_details: OutputDetails = OutputDetails()


class Incomplete(msgspec.Struct, frozen=True):
    """Why it is."""

    reason: Literal["max_output_tokens", "content_filter"]


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer."""

    code: str
    message: str


class TextFormat(msgspec.Struct, frozen=True):
    """The shape of answers: text."""

    type: Literal["text"] = "text"


class TextOptions(msgspec.Struct, frozen=True):
    """What is said of the text."""

    format: TextFormat = TextFormat()


class Response(msgspec.Struct, frozen=True):
    """An answer, or one that is being made. The fields after `usage` are always the same here."""

    id: str
    created_at: int
    model: str
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    output: Sequence[OutputMessage] = ()
    error: Failure | None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None = None
    usage: ResponseUsage | None = None
    object: Literal["response"] = "response"
    metadata: Mapping[str, str] = {}
    parallel_tool_calls: bool = True
    tool_choice: Literal["auto"] = "auto"
    tools: tuple[()] = ()
    text: TextOptions = TextOptions()
    temperature: float | None = None
    top_p: float | None = None
    previous_response_id: str | None = None
    store: bool = False


class Draft:
    """A response that is being made."""

    def __init__(self, model: str, instructions: str | None) -> None:
        self.begun = Response(
            f"resp_{secrets.token_hex(24)}", int(time.time()), model, "in_progress", instructions=instructions
        )
        self.message_id = f"msg_{secrets.token_hex(24)}"

    def message(self, answered: Answered) -> OutputMessage:
        """The answer as an item."""
        refused = answered.finish == "refusal"
        content = Refusal(answered.text) if refused else OutputText(answered.text)
        return OutputMessage(self.message_id, _status(answered), (content,))

    def finished(self, answered: Answered) -> Response:
        """The whole response."""
        return msgspec.structs.replace(
            self.begun,
            status=_status(answered),
            output=(self.message(answered),),
            incomplete_details=_incomplete(answered),
            usage=_usage(answered.usage),
        )

    def failed(self, problem: Problem) -> Response:
        """There is no answer."""
        return msgspec.structs.replace(
            self.begun, status="failed", error=Failure(_code(problem), problem.detail)
        )


class ResponseStream:
    """A streamed answer as numbered events. Tool calls are the agent's own business and not shown."""

    def __init__(self, request: web.Request, headers: Mapping[str, str], draft: Draft) -> None:
        self._request = request
        self.response = replies.streaming("text/event-stream", headers)
        self._heartbeat = Heartbeat(self.response)
        self.begun = False
        self._draft = draft
        self._number = 0
        item = {"item_id": draft.message_id, "output_index": 0, "content_index": 0}
        self._place: dict[str, Any] = item
        # The same for every piece: only text and number are put in.
        self._head = (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
            + _encode({**item, "logprobs": []})[1:-1]
            + b',"delta":'
        )

    async def begin(self, conversation: str | None) -> None:
        """Send the headers, and what is about to come."""
        self.begun = True
        replies.keep_small(self._request)
        await self.response.prepare(self._request)
        self._heartbeat.start()
        begun = self._draft.begun
        message = OutputMessage(self._draft.message_id, "in_progress")
        await self._send(
            self._event("response.created", response=begun)
            + self._event("response.in_progress", response=begun)
            + self._event("response.output_item.added", output_index=0, item=message)
            + self._event("response.content_part.added", **self._place, part=OutputText(""))
        )

    async def tokens(self, texts: list[str]) -> None:
        """All pieces in one event."""
        number = self._number
        self._number += 1
        delta = _encode("".join(texts))
        await self._send(b'%b%b,"sequence_number":%d}\n\n' % (self._head, delta, number))

    async def tool(self, event: ToolEvent) -> None:
        """Not shown."""

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """The whole answer once more, piece by piece."""
        self._request[TRACE].answered(answered, conversation)
        message = self._draft.message(answered)
        finished = self._draft.finished(answered)
        self._heartbeat.stop()
        await self._send(
            self._event("response.output_text.done", **self._place, text=answered.text, logprobs=[])
            + self._event("response.content_part.done", **self._place, part=message.content[0])
            + self._event("response.output_item.done", output_index=0, item=message)
            + self._event(f"response.{finished.status}", response=finished)
        )

    async def fail(self, problem: Problem) -> None:
        """There is no whole answer."""
        self._heartbeat.stop()
        await self._send(self._event("response.failed", response=self._draft.failed(problem)))

    def cut(self) -> None:
        """End the connection at once."""
        hang_up(self._request)

    def close(self) -> None:
        """Nobody reads it any more."""
        self._heartbeat.stop()

    def _event(self, name: str, **members: Any) -> bytes:
        number = self._number
        self._number += 1
        return sse.event(name, {"type": name, **members, "sequence_number": number})

    async def _send(self, data: bytes) -> None:
        self._heartbeat.wrote()
        await replies.send(self._request, self.response, data)


def refuse(request: ResponseRequest) -> None:
    """Raises `Problem` 400 for what is not given."""
    dialogue.refuse(request, LIMITED)
    if request.text is not None and request.text.format not in (None, {"type": "text"}):
        raise faults.refused("#/text/format", "the shape of answers is the Agent's responseSchema")


def _status(answered: Answered) -> Literal["completed", "incomplete"]:
    return "incomplete" if _incomplete(answered) else "completed"


def _incomplete(answered: Answered) -> Incomplete | None:
    if answered.finish == "length":
        return Incomplete("max_output_tokens")
    return Incomplete("content_filter") if answered.finish == "content_filter" else None


def _usage(usage: Usage | None) -> ResponseUsage | None:
    if usage is None:
        return None
    return ResponseUsage(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


def _code(problem: Problem) -> str:
    """Of the two codes that fit, clients know these."""
    return "rate_limit_exceeded" if problem.status == 429 else "server_error"
