"""A request's body made a value of JSON or YAML.

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
from gagarin.serving import body
from gagarin.serving.problems import malformed


class Bounds(NamedTuple):
    """How much is taken, and how long it is waited for."""

    max_bytes: int
    seconds: float


async def read(request: web.Request, bounds: Bounds) -> bytes:
    """The whole body. Raises `Problem` 413, 408 and 400."""
    return await body.read(request, bounds.seconds, bounds.max_bytes)


async def value(request: web.Request, bounds: Bounds) -> Any:
    """What the body says in JSON. Raises `Problem`."""
    try:
        return msgspec.json.decode(await read(request, bounds))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise malformed(f"it is not JSON: {error}") from error


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
        raise malformed("it is not UTF-8 text") from error
    except YamlError as error:
        raise malformed(str(error)) from error
    if len(found) != 1:
        raise malformed(f"a configuration is one YAML document, and this has {len(found)}")
    return found[0]


def _documents(raw: bytes) -> list[Any]:
    return [each.value for each in yamltext.documents("the body", raw.decode())]
