"""The OpenAI chat completions protocol, as far as this server speaks it: what it sends, what it reads.

Only the fields that are used are declared; everything else in a reply is skipped without being decoded. A
reply that does not fit is `Nonsense`, whatever a provider sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gagarin.core.config import ModelTarget
from gagarin.core.vendors import VENDORS
from gagarin.server import toolcalls
from gagarin.server.toolcalls import Call, CallPart, TooManyCalls

DONE = b"[DONE]"
RESERVED = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "n",
    }
)
ANSWER_FUNCTION = "give_final_answer"  # takes a structured answer from models that know no `response_format`


class Nonsense(ValueError):  # noqa: N818 -- says what happened
    """The reply is not of the protocol; the message says in what, without quoting it."""


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation; `role` is system, user or assistant."""

    role: str
    content: str


class CalledFunction(msgspec.Struct, frozen=True):
    """What was called; `arguments` is JSON in a text."""

    name: str
    arguments: str


class SentCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that the model made, told to it again."""

    id: str
    type: str
    function: CalledFunction
    extra_content: Any = None


class CallsMessage(msgspec.Struct, frozen=True, tag_field="role", tag="assistant"):
    """The model's reply that asked for calls."""

    content: str | None
    tool_calls: tuple[SentCall, ...]


class ResultMessage(msgspec.Struct, frozen=True, tag_field="role", tag="tool"):
    """What came of one of them."""

    tool_call_id: str
    content: str


Sent = Message | CallsMessage | ResultMessage | msgspec.Raw


class Offer(msgspec.Struct, frozen=True):
    """The functions that a model may call, encoded. `closed`: they are known to it, and not to be called."""

    functions: tuple[msgspec.Raw, ...] = ()
    closed: bool = False


NOTHING = Offer()


class Usage(msgspec.Struct, frozen=True):
    """Tokens, as the provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
        )


class Reply(msgspec.Struct, frozen=True):
    """A whole reply: text, calls, or both. `finish` is stop, length, content_filter or refusal."""

    text: str
    usage: Usage | None = None
    calls: tuple[Call, ...] = ()
    finish: str = "stop"


class _TextPart(msgspec.Struct):
    """A part of a content that is a list; Mistral's thinking parts have no text."""

    text: str | None = None


class Content(msgspec.Struct, gc=False):
    """A message, or a piece of one."""

    content: str | list[_TextPart] | None = None
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None

    @property
    def text(self) -> str:
        """What it says, or what the model says instead of answering."""
        content = self.content
        if isinstance(content, list):
            content = "".join([part.text or "" for part in content])
        return content or self.refusal or ""


class _Choice(msgspec.Struct):
    message: Content
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


class _Part(msgspec.Struct, gc=False):
    delta: Content | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, gc=False):
    """One event of a streamed reply."""

    choices: list[_Part] = []
    usage: Any = None
    error: Any = None


class _Fault(msgspec.Struct):
    code: str | int | None = None
    type: str | None = None


class _Failure(msgspec.Struct):
    error: _Fault


_chunk_decoder = msgspec.json.Decoder(Chunk)
_chunks_decoder = msgspec.json.Decoder(list[Chunk])
_completion_decoder = msgspec.json.Decoder(_Completion)
_encode = msgspec.json.Encoder().encode


def message(role: str, content: str) -> msgspec.Raw:
    """An encoded message, for one that is sent again and again."""
    return msgspec.Raw(_encode(Message(role, content)))


def sent(call: Call, id: str, name: str, arguments: str) -> SentCall:  # noqa: A002  # the field's name
    """A call as it is told to the model again."""
    return SentCall(id, "function", CalledFunction(name, arguments), call.extra_content)


def definition(name: str, description: str, parameters: dict[str, Any]) -> msgspec.Raw:
    """A function as it is offered to a model."""
    function = {"name": name, "description": description, "parameters": parameters}
    return msgspec.Raw(_encode({"type": "function", "function": function}))


def portable(messages: Iterable[Sent]) -> list[Sent]:
    """The messages as any other vendor takes them: what one of them adds to its calls, others refuse, and
    some want ids of exactly nine letters and digits."""
    ids: dict[str, str] = {}

    def moved(message: Sent) -> Sent:
        if isinstance(message, CallsMessage):
            calls = [
                SentCall(ids.setdefault(call.id, f"call{len(ids):05d}"), call.type, call.function)
                for call in message.tool_calls
            ]
            return CallsMessage(message.content, tuple(calls))
        if isinstance(message, ResultMessage):
            return ResultMessage(ids.get(message.tool_call_id, message.tool_call_id), message.content)
        return message

    return [moved(message) for message in messages]


class Request:
    """Makes the request bodies for one model. What does not change is put together once."""

    def __init__(self, target: ModelTarget, response_schema: dict[str, Any] | None = None) -> None:
        fixed = {key: value for key, value in target.params.items() if key not in RESERVED}
        fixed["model"] = target.model
        vendor = VENDORS[target.provider.type]
        self._answer: msgspec.Raw | None = None
        if response_schema is not None and vendor.response_format:
            answer = {"name": "answer", "schema": response_schema}
            fixed["response_format"] = {"type": "json_schema", "json_schema": answer}
        elif response_schema is not None:
            self._answer = definition(ANSWER_FUNCTION, _ANSWER_DESCRIPTION, response_schema)
        self._tools_after_calls = vendor.tools_after_calls
        self._fixed = fixed
        self._streamed: dict[str, Any] = {**fixed, "stream": True}
        if vendor.usage_on_request:
            self._streamed["stream_options"] = {"include_usage": True}

    def body(self, messages: Sequence[Sent], *, stream: bool, offer: Offer = NOTHING) -> bytes:
        """The JSON to send."""
        fixed = self._streamed if stream else self._fixed
        if offer is NOTHING and self._answer is None:
            return _encode({**fixed, "messages": messages})
        return _encode({**fixed, "messages": messages, **self._tools(offer)})

    def _tools(self, offer: Offer) -> dict[str, Any]:
        if self._answer is not None:
            forced = offer.closed or not offer.functions
            return {
                "tools": [*offer.functions, self._answer],
                "tool_choice": _ANSWER_CHOICE if forced else "required",
            }
        if not offer.functions or (offer.closed and not self._tools_after_calls):
            return {}
        return {"tools": offer.functions, **({"tool_choice": "none"} if offer.closed else {})}


_ANSWER_DESCRIPTION = "Give the final answer to the user. Call it once, when nothing else is left to be done."
_ANSWER_CHOICE = {"type": "function", "function": {"name": ANSWER_FUNCTION}}
# What providers call the ends that are no proper ends; everything else is `stop`.
_FINISHES = {
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
}


def finish_of(reason: str | None, *, refused: bool) -> str:
    """Why a reply ended, in our words."""
    return "refusal" if refused else _FINISHES.get((reason or "").lower(), "stop")


def completion(body: bytes) -> Reply:
    """A reply that came in one piece. Raises `Nonsense`."""
    try:
        found = _completion_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Nonsense(_why(error)) from error
    if not found.choices:
        raise Nonsense("it has no choices")
    choice = found.choices[0]
    message = choice.message
    try:
        calls = toolcalls.whole(message.tool_calls or ())
    except TooManyCalls as error:
        raise Nonsense(f"{error}") from error
    refused = bool(message.refusal) and not message.content
    return Reply(message.text, usage_of(found.usage), calls, finish_of(choice.finish_reason, refused=refused))


def chunks(events: Sequence[bytes]) -> list[Chunk]:
    """Events of a streamed reply, those of one read in one go. Raises `Nonsense`."""
    try:
        if len(events) == 1:
            return [_chunk_decoder.decode(events[0])]
        return _chunks_decoder.decode(b"[" + b",".join(events) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Nonsense(_why(error)) from error


def usage_of(counted: Any) -> Usage | None:
    """The usage in a reply; None if there is none, or one that cannot be read: the answer is worth more."""
    if counted is None:
        return None
    try:
        return msgspec.convert(counted, Usage, strict=False)
    except msgspec.ValidationError:
        return None


def error_code(body: bytes) -> str | None:
    """The machine-readable word of an error reply, if it has a harmless one.

    Messages are not looked at: OpenAI's for a wrong key quotes parts of the key.
    """
    try:
        fault = msgspec.json.decode(body, type=_Failure).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    word = str(fault.code or fault.type or "")
    plain = word.replace("_", "").replace("-", "").replace(".", "")
    return word if len(word) <= 64 and plain.isascii() and plain.isalnum() else None


def _why(error: Exception) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"{error}"
