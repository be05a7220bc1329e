"""A request's body: read within bounds, and made a value of JSON or YAML.

Its Content-Type is not looked at: clients of the original sent none.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from gagarin.conversion import yamltext
from gagarin.conversion.yamltext import YamlError
from gagarin.gateway import problems


class Bounds(NamedTuple):
    """How much is taken, and how long it is waited for."""

    max_bytes: int
    seconds: float


async def read(request: web.Request, bounds: Bounds) -> bytes:
    """The whole body. Raises `Problem` 413, 408 and 400."""
    try:
        async with asyncio.timeout(bounds.seconds):
            return await _collected(request, bounds.max_bytes)
    except TimeoutError as error:
        raise problems.body_too_slow(bounds.seconds) from error
    except (web.RequestPayloadError, ValueError) as error:
        raise problems.malformed("the body's encoding is broken") from error


async def _collected(request: web.Request, max_bytes: int) -> bytes:
    """An announced length is judged before anything is read; a compressed body by what it unfolds to."""
    if (request.content_length or 0) > max_bytes:
        raise problems.body_too_large(max_bytes)
    collected = bytearray()
    async for part in request.content.iter_any():
        collected += part
        if len(collected) > max_bytes:
            raise problems.body_too_large(max_bytes)
    return bytes(collected)


async def value(request: web.Request, bounds: Bounds) -> Any:
    """What the body says in JSON. Raises `Problem`."""
    try:
        return msgspec.json.decode(await read(request, bounds))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise problems.malformed(f"it is not JSON: {error}") from error


async def mapping(request: web.Request, bounds: Bounds) -> dict[str, Any]:
    """The JSON object in the body. Raises `Problem`."""
    found = await value(request, bounds)
    if not isinstance(found, dict):
        raise problems.invalid([("#", "it has to be a JSON object")])
    return found


async def document(request: web.Request, bounds: Bounds) -> Any:
    """What the one YAML document in the body says. Raises `Problem`."""
    raw = await read(request, bounds)
    try:
        # Megabytes of YAML take a second; others are not to wait for that.
        found = await asyncio.to_thread(_documents, raw)
    except UnicodeError as error:
        raise problems.malformed("it is not UTF-8 text") from error
    except YamlError as error:
        raise problems.malformed(str(error)) from error
    if len(found) != 1:
        raise problems.malformed(f"a configuration is one YAML document, and this has {len(found)}")
    return found[0]


def _documents(raw: bytes) -> list[Any]:
    return [each.value for each in yamltext.documents("the body", raw.decode())]
