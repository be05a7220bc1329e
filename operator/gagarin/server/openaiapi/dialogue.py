"""What clients of OpenAI's protocol send, understood: messages become a `Dialogue`, or a clear refusal.

Agent and Instance decide what OpenAI leaves to each request: model, parameters, tools, the shape of answers.
What would ask for something else than this server gives (tools, several answers, images) is refused. What
only tunes the answer (`temperature`, `max_tokens`) is left aside, so that clients that always send it work,
and is named in the response header `Gagarin-Ignored`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from gagarin.core.config import Limits
from gagarin.server import body, problems
from gagarin.server.openaiapi import faults
from gagarin.server.turns import Dialogue, Origin
from gagarin.server.wire import Message

IGNORED_HEADER = "Gagarin-Ignored"
MAX_IGNORED = 32
OWN_TOOLS = "the agent has its own tools, which are the Agent's to configure; the client's are never called"
_CONTEXT_ROLES = ("system", "developer")
_ROLES = ("user", "assistant", *_CONTEXT_ROLES)
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT_PARTS = {"text", "input_text", "output_text", "refusal"}


class Only(NamedTuple):
    """The values of a field that ask for nothing which is not given anyway; why others are refused."""

    values: tuple[Any, ...]
    reason: str


class Part(msgspec.Struct, frozen=True):
    """A part of a message's content; only text is understood."""

    type: Annotated[str, Meta(extra_json_schema={"enum": sorted(_TEXT_PARTS)})]
    text: str | None = None
    refusal: str | None = None


class DialogueMessage(msgspec.Struct, frozen=True):
    """A message of the client's. `type` is of items of /v1/responses, where it may be left out."""

    role: Annotated[str, Meta(extra_json_schema={"enum": sorted(_ROLES)})]
    content: str | list[Part] | None = None
    type: Annotated[str, Meta(extra_json_schema={"enum": ["message"]})] = "message"
    tool_calls: Annotated[list[Any] | None, Meta(extra_json_schema={"enum": [None, []]})] = None
    function_call: Annotated[Any, Meta(extra_json_schema={"enum": [None]})] = None


class _Placed(msgspec.Struct, frozen=True):
    """A message and where it was, as a JSON pointer."""

    where: str
    role: str
    text: str


def read(
    messages: Sequence[DialogueMessage], field: str, limits: Limits, origin: Origin, context: str = ""
) -> Dialogue:
    """The dialogue in `messages`, which are the request's `field`. Raises `Problem` 400 and 422.

    The client's own system messages are context after `context`; as of a stored conversation, the newest
    `max_history_messages` before the question count.
    """
    placed = [_placed(f"#/{field}/{number}", message) for number, message in enumerate(messages)]
    said = [message for message in placed if message.role not in _CONTEXT_ROLES and message.text]
    if not said or said[-1] is not placed[-1] or said[-1].role != "user":
        raise problems.invalid(
            f"#/{field}", "the last message has to be the user's, and has to say something"
        )
    for message in said:
        _check(message, limits)
    context = "\n\n".join([context, *(each.text for each in placed if each.role in _CONTEXT_ROLES)]).strip()
    if len(context) > limits.max_input_chars:
        what = (
            f"system messages have {len(context)} characters, at most {limits.max_input_chars} are possible"
        )
        raise problems.invalid(f"#/{field}", what)
    newest = said[-limits.max_history_messages - 1 :]
    return Dialogue([Message(each.role, each.text) for each in newest], context, origin)


def refuse(request: msgspec.Struct, limited: Mapping[str, Only]) -> None:
    """Raises `Problem` 400 for the first field that asks for what is not given."""
    for name, only in limited.items():
        if getattr(request, name) not in only.values:
            raise faults.refused(f"#/{name}", only.reason)


def ignored(text: bytes, request: msgspec.Struct) -> dict[str, str]:
    """The response header that names the fields of a request that were left aside. Raises `Problem` 400 for
    a name that is not UTF-8: whoever reads only known fields passes over it."""
    given = body.decoded(_fields_decoder, text)
    heeded = request.__struct_fields__
    names = [name for name, value in given.items() if name not in heeded and bytes(value) != b"null"]
    named = [name for name in names if _FIELD.fullmatch(name)][:MAX_IGNORED]
    return {IGNORED_HEADER: ", ".join(named)} if named else {}


def _check(message: _Placed, limits: Limits) -> None:
    """An answer of the agent's may be longer than a question."""
    if message.role == "user":
        body.check_length(f"{message.where}/content", message.text, limits.max_input_chars)


def _placed(where: str, message: DialogueMessage) -> _Placed:
    if message.type != "message":
        raise faults.refused(
            f"{where}/type", f"{message.type[:64]!r} is not possible here, only messages are"
        )
    if message.role not in _ROLES:
        raise faults.refused(f"{where}/role", f"{message.role[:64]!r} is none of {', '.join(_ROLES)}")
    if message.tool_calls or message.function_call is not None:
        raise faults.refused(f"{where}/tool_calls", "the agent calls its own tools, not the client's")
    return _Placed(where, message.role, _text(f"{where}/content", message.content).strip())


def _text(where: str, content: str | list[Part] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    return "".join(_part(f"{where}/{number}", part) for number, part in enumerate(content))


def _part(where: str, part: Part) -> str:
    if part.type not in _TEXT_PARTS:
        raise faults.refused(f"{where}/type", f"{part.type[:64]!r} is not possible here, only text is")
    return part.text or part.refusal or ""
