"""The OpenAI chat completions protocol, as far as this server speaks it: what it sends, what it reads.

Only the fields that are used are declared; everything else in a reply is skipped without being decoded. A
reply that does not fit is `Nonsense`, whatever a provider sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gagarin.core.config import ModelTarget
from gagarin.core.vendors import VENDORS

DONE = b"[DONE]"
RESERVED = frozenset({"model", "messages", "stream", "stream_options", "tools", "tool_choice", "n"})


class Nonsense(ValueError):  # noqa: N818 -- says what happened
    """The reply is not of the protocol; the message says in what, without quoting it."""


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation; `role` is system, user or assistant."""

    role: str
    content: str


class Usage(msgspec.Struct, frozen=True):
    """Tokens, as the provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    text: str
    usage: Usage | None = None


class _Content(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Content


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


class _Part(msgspec.Struct):
    delta: _Content | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of a streamed reply."""

    choices: list[_Part] = []
    usage: Any = None
    error: Any = None

    @property
    def text(self) -> str:
        """The piece of the answer in it, often empty."""
        delta = self.choices[0].delta if self.choices else None
        return (delta.content or delta.refusal or "") if delta else ""

    @property
    def finished(self) -> bool:
        """Whether the model said that this is the end."""
        return bool(self.choices) and self.choices[0].finish_reason is not None


class _Fault(msgspec.Struct):
    code: str | int | None = None
    type: str | None = None


class _Failure(msgspec.Struct):
    error: _Fault


_chunk_decoder = msgspec.json.Decoder(Chunk)
_completion_decoder = msgspec.json.Decoder(_Completion)
_encode = msgspec.json.Encoder().encode


def message(role: str, content: str) -> msgspec.Raw:
    """An encoded message, for one that is sent again and again."""
    return msgspec.Raw(_encode(Message(role, content)))


class Request:
    """Makes the request bodies for one model. What does not change is put together once."""

    def __init__(self, target: ModelTarget, response_schema: dict[str, Any] | None = None) -> None:
        fixed = {key: value for key, value in target.params.items() if key not in RESERVED}
        fixed["model"] = target.model
        if response_schema is not None:
            answer = {"name": "answer", "schema": response_schema}
            fixed["response_format"] = {"type": "json_schema", "json_schema": answer}
        self._fixed = fixed
        self._streamed: dict[str, Any] = {**fixed, "stream": True}
        if VENDORS[target.provider.type].usage_on_request:
            self._streamed["stream_options"] = {"include_usage": True}

    def body(self, messages: Sequence[Message | msgspec.Raw], *, stream: bool) -> bytes:
        """The JSON to send."""
        return _encode({**(self._streamed if stream else self._fixed), "messages": messages})


def completion(body: bytes) -> Reply:
    """A reply that came in one piece. Raises `Nonsense`."""
    try:
        found = _completion_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Nonsense(_why(error)) from error
    if not found.choices:
        raise Nonsense("it has no choices")
    content = found.choices[0].message
    return Reply(content.content or content.refusal or "", usage_of(found.usage))


def chunk(data: bytes) -> Chunk:
    """One event of a streamed reply. Raises `Nonsense`."""
    try:
        return _chunk_decoder.decode(data)
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
