"""A request's body, read within bounds and checked: what is wrong with it, and where.

Unknown fields are refused, because a misspelt one would be ignored in silence.
"""

from __future__ import annotations

import asyncio
import re

import msgspec
from aiohttp import web

from gagarin.server import problems
from gagarin.server.errors import Problem

# A character takes at most 12 bytes of JSON (an escaped surrogate pair); the rest of a body is small.
BYTES_PER_CHARACTER = 12
OTHER_BYTES = 4096


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of /chat and /stream."""

    input: str
    conversation: str | None = None


_decoder = msgspec.json.Decoder(Question)
_PATH = re.compile(r" - at `\$(.*)`$")
_UNKNOWN = re.compile(r"unknown field `(.*)`")
_MISSING = re.compile(r"missing required field `(.*)`")


def most_bytes(max_input_chars: int) -> int:
    """How long a valid body can be."""
    return max_input_chars * BYTES_PER_CHARACTER + OTHER_BYTES


async def read(request: web.Request, seconds: float, max_bytes: int) -> bytes:
    """The whole body. Raises `Problem` 413 and 408; the application's `client_max_size` is `max_bytes`."""
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError as error:
        raise problems.body_too_slow(seconds) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise problems.body_too_large(max_bytes) from error
    except (web.RequestPayloadError, ValueError) as error:
        raise problems.malformed("the body's encoding is broken") from error


def question(body: bytes, max_input_chars: int) -> Question:
    """The question in a body. Raises `Problem` 400 or 422, naming the field."""
    try:
        found = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except UnicodeDecodeError as error:
        raise problems.malformed(f"it is not UTF-8: {error.reason} in a text") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise problems.malformed(str(error)) from error
    if not found.input.strip():
        raise problems.invalid("#/input", "it is empty")
    if len(found.input) > max_input_chars:
        what = f"it has {len(found.input)} characters, at most {max_input_chars} are possible"
        raise problems.invalid("#/input", what)
    return found


def _invalid(message: str) -> Problem:
    """msgspec names a place as a JSON path at the end of its message, or a field in the middle of it."""
    path = _PATH.search(message)
    where = "#" + (path[1].replace(".", "/") if path else "")
    if unknown := _UNKNOWN.search(message):
        return problems.invalid(f"{where}/{unknown[1]}", "there is no such field")
    if missing := _MISSING.search(message):
        return problems.invalid(f"{where}/{missing[1]}", "it is missing")
    return problems.invalid(where, _PATH.sub("", message))
