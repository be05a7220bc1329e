"""What clients may send: the parts of OpenAI's requests that the stub looks at, and what is wrong with them.

Unknown fields are ignored, as vendors add them all the time. What the vendors refuse is refused here too, so
that a client that passes its tests here does not fail there: above all a tool message without its tool call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import msgspec

from gagarin.stub.errors import ApiError

Role = Literal["system", "developer", "user", "assistant", "tool"]
_PATH = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"required field `(\w+)`")


class Part(msgspec.Struct, frozen=True):
    """A part of a message's content; parts that are not text count as empty text."""

    type: str
    text: str = ""


class CalledFunction(msgspec.Struct, frozen=True):
    """Which function an assistant called; `arguments` is JSON in a string."""

    name: str
    arguments: str


class CalledTool(msgspec.Struct, frozen=True):
    """A tool call in an assistant message of the history."""

    id: str
    function: CalledFunction


class Message(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: Role
    content: str | list[Part] | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(msgspec.Struct, frozen=True):
    """`include_usage` asks for one more chunk with the usage, before `[DONE]`."""

    include_usage: bool | None = None


Limit = Annotated[int, msgspec.Meta(ge=1)]


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/chat/completions`."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=1)] | None = None

    @property
    def token_limit(self) -> int | None:
        """The longest answer the client takes, in tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def last_user_text(self) -> str:
        """What the user said last."""
        return next((item.text for item in reversed(self.messages) if item.role == "user"), "")


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/embeddings`; `input` is one text, several, or token numbers in place of text."""

    model: str
    input: str | list[str | int | list[int]]
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1536
    encoding_format: Literal["float", "base64"] = "float"

    def texts(self) -> list[str]:
        """The inputs as texts, token numbers written out. Raises `ApiError` for an empty one."""
        texts = [self.input] if isinstance(self.input, str) else _texts(self.input)
        if not texts or not all(texts):
            raise ApiError(400, "input must not be empty, nor contain an empty text", param="input")
        if len(texts) > 2048:
            raise ApiError(400, f"input has {len(texts)} texts, at most 2048 are taken", param="input")
        return texts


def _texts(items: list[str | int | list[int]]) -> list[str]:
    numbers = [item for item in items if isinstance(item, int)]
    if numbers and len(numbers) == len(items):
        return [_spell(numbers)]
    if numbers:
        raise ApiError(400, "input mixes token numbers with texts", param="input")
    return [item if isinstance(item, str) else _spell(item) for item in items if not isinstance(item, int)]


def _spell(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


Request = TypeVar("Request", ChatRequest, EmbeddingRequest)


def decode(body: bytes, kind: type[Request]) -> Request:
    """The request in `body`. Raises `ApiError` 400 that names the field (`param`)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ApiError(400, f"Invalid request: {error}", param=_param(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"The body is not valid JSON: {error}", code="invalid_json") from error


def _param(message: str) -> str | None:
    path = _PATH.search(message)
    missing = _MISSING.search(message)
    names = [found[1] for found in (path, missing) if found and found[1]]
    return ".".join(names) or None


def decode_chat(body: bytes) -> ChatRequest:
    """A chat request that makes sense as a conversation. Raises `ApiError` 400."""
    chat = decode(body, ChatRequest)
    if chat.stream_options is not None and not chat.stream:
        raise ApiError(400, "stream_options is only allowed with stream: true", param="stream_options")
    check_tool_messages(chat.messages)
    return chat


def check_tool_messages(messages: Sequence[Message]) -> None:
    """Every tool call must be answered at once and every tool message must answer one, as OpenAI demands."""
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in open_calls:
                raise _bad_message(index, "is a tool message that answers no tool call before it")
            open_calls.discard(message.tool_call_id)
            continue
        if open_calls:
            raise _bad_message(index, f"comes before the answers to the tool calls {sorted(open_calls)}")
        open_calls = {call.id for call in message.tool_calls or ()}
    if open_calls:
        raise _bad_message(len(messages) - 1, f"leaves the tool calls {sorted(open_calls)} without an answer")


def _bad_message(index: int, what: str) -> ApiError:
    return ApiError(400, f"messages[{index}] {what}", param=f"messages[{index}]")
