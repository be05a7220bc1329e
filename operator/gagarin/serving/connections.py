"""Connections of clients, in any service: where they come in, how long one that takes nothing is kept, and
what of what they send never reaches a log.

A client that reads nothing could hold its connection for ever: TCP keeps a connection whose peer only says
that it has no room, and ending it in order waits for that room as well (RFC 1122, section 4.2.2.17).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys

from aiohttp import web
from aiohttp.http import HttpProcessingError

from gagarin.serving.errors import StartError
from gagarin.serving.requests import hang_up

UNREAD_SECONDS = 120.0  # with something to be read, and no room for it, or no sign of life
CLOSE_SECONDS = 5.0  # for the other side of a WebSocket to take its end, and to agree to it
BACKLOG = 1024


def listening(host: str, port: int) -> socket.socket:
    """A socket whose connections end when nothing is taken from them for `UNREAD_SECONDS`. Raises
    `StartError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=BACKLOG)
        if sys.platform == "linux":
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
    except OSError as error:
        raise StartError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return made


async def close_socket(request: web.Request, socket: web.WebSocketResponse, code: int, reason: str) -> None:
    """Say why a WebSocket ends. Who does not take even that within `CLOSE_SECONDS` is hung up on."""
    closing = asyncio.create_task(socket.close(code=code, message=reason.encode()))
    await asyncio.wait([closing], timeout=CLOSE_SECONDS)
    if not closing.done() or closing.cancelled():
        hang_up(request)


def quiet_logger() -> logging.Logger:
    """For aiohttp. What clients send that is no HTTP is their affair, and is not quoted: a header may hold a
    token."""
    logger = logging.getLogger("gagarin.http")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)
