"""A WebSocket of the load client (RFC 6455): of the answers, only their last frame is looked for."""

from __future__ import annotations

import base64
import os
import socket
import time
from types import TracebackType

from bench.loadclient import BadAnswerError

_READ = 1 << 16
_PATIENCE = 60.0
_TEXT, _PING = 0x81, 0x89
_MASK = bytes(4)  # a mask of zeros is one too, and leaves the text as it is
_DONE = b'{"type":"done"'


class Socket:
    """An open socket of a chat server, in one conversation."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_handshake(token))
        answer = self._receive()
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, self._rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise BadAnswerError(f"no WebSocket: {head!r}")

    def ask(self, text: str) -> float:
        """Seconds from sending a message until the last frame of its answer has arrived."""
        message = _frame(text.encode())
        start = time.perf_counter()
        self._socket.sendall(message)
        while not self._next().startswith(_DONE):
            pass
        return time.perf_counter() - start

    def _next(self) -> bytes:
        """The text of the next frame that has one. Raises `BadAnswerError` for the end, and for an error."""
        while True:
            kind, text = self._take_frame()
            if kind == _TEXT:
                if text.startswith(b'{"type":"error"'):
                    raise BadAnswerError(f"an error over a WebSocket: {text!r}")
                return text
            if kind != _PING:
                raise BadAnswerError(f"a WebSocket was closed: {text!r}")

    def _take_frame(self) -> tuple[int, bytes]:
        self._have(2)
        kind, size, start = self._rest[0], self._rest[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            self._have(start)
            size = int.from_bytes(self._rest[2:start], "big")
        self._have(start + size)
        text, self._rest = self._rest[start : start + size], self._rest[start + size :]
        return kind, text

    def _have(self, size: int) -> None:
        while len(self._rest) < size:
            self._rest += self._receive()

    def _receive(self) -> bytes:
        data = self._socket.recv(_READ)
        if not data:
            raise BadAnswerError("a WebSocket's connection was closed")
        return data

    def __enter__(self) -> Socket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def _handshake(token: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Protocol: gagarin.v1\r\n\r\n"
    ).encode()


def _frame(text: bytes) -> bytes:
    """A text frame of a client."""
    if len(text) > 125:
        raise ValueError("only short messages")
    return bytes((_TEXT, 0x80 | len(text))) + _MASK + text
