"""What a request's body says, checked: what is wrong with it, and where.

Unknown fields are refused, because a misspelt one would be ignored in silence.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from gagarin.server import problems
from gagarin.serving.errors import Problem
from gagarin.serving.problems import malformed

T = TypeVar("T")

# A character takes at most 12 bytes of JSON (an escaped surrogate pair); the rest of a body is small.
BYTES_PER_CHARACTER = 12
OTHER_BYTES = 4096


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of /chat and /stream. Without a conversation, it begins one."""

    input: Annotated[
        str, Meta(description="What is said", extra_json_schema={"minLength": 1, "pattern": r"\S"})
    ]
    conversation: Annotated[str, Meta(description="The id of one of the caller's")] | None = None


_decoder = msgspec.json.Decoder(Question)
_PATH = re.compile(r" - at `\$(.*)`$")
_UNKNOWN = re.compile(r"unknown field `(.*)`")
_MISSING = re.compile(r"missing required field `(.*)`")


def most_bytes(max_input_chars: int) -> int:
    """How long a valid body can be."""
    return max_input_chars * BYTES_PER_CHARACTER + OTHER_BYTES


def question(body: bytes | str, max_input_chars: int) -> Question:
    """The question in a body. Raises `Problem` 400 or 422, naming the field."""
    found = decoded(_decoder, body)
    check_text("#/input", found.input, max_input_chars)
    return found


def decoded(decoder: msgspec.json.Decoder[T], body: bytes | str) -> T:
    """What is in a body. Raises `Problem` 400 or 422, naming the field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except UnicodeError as error:
        raise malformed("a text in it is not UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(str(error) if body else "it is empty") from error


def check_text(where: str, text: str, max_chars: int) -> None:
    """Raises `Problem` 422 for a text that is empty or too long."""
    if not text.strip():
        raise problems.invalid(where, "it is empty")
    check_length(where, text, max_chars)


def check_length(where: str, text: str, max_chars: int) -> None:
    """Raises `Problem` 422 for a text that is too long."""
    if len(text) > max_chars:
        raise problems.invalid(where, f"it has {len(text)} characters, at most {max_chars} are possible")


def _invalid(message: str) -> Problem:
    """msgspec names a place as a JSON path at the end of its message, or a field in the middle of it."""
    path = _PATH.search(message)
    where = "#" + (path[1].replace(".", "/") if path else "")
    if unknown := _UNKNOWN.search(message):
        return problems.invalid(f"{where}/{unknown[1]}", "there is no such field")
    if missing := _MISSING.search(message):
        return problems.invalid(f"{where}/{missing[1]}", "it is missing")
    return problems.invalid(where, _PATH.sub("", message))
