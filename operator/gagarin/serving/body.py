"""A request's body, read within bounds."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gagarin.serving import problems


async def read(request: web.Request, seconds: float, max_bytes: int) -> bytes:
    """The whole body. Raises `Problem` 413, 408 and 400."""
    try:
        async with asyncio.timeout(seconds):
            return await _collected(request, max_bytes)
    except TimeoutError as error:
        raise problems.body_too_slow(seconds) from error
    except (web.RequestPayloadError, ValueError) as error:
        raise problems.malformed("the body's encoding is broken") from error


async def _collected(request: web.Request, max_bytes: int) -> bytes:
    """A length that is announced is judged before anything is read; a compressed body by what it unfolds
    to."""
    if (request.content_length or 0) > max_bytes:
        raise problems.body_too_large(max_bytes)
    collected = bytearray()
    async for part in request.content.iter_any():
        collected += part
        if len(collected) > max_bytes:
            raise problems.body_too_large(max_bytes)
    return bytes(collected)
