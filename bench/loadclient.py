"""The load client: one blocking socket, requests written beforehand, and as little reading as will do.

It must not be what is measured. It does not parse HTTP beyond what tells it where an answer ends, so a call
costs it some 20 microseconds, and it takes streams faster than anything here sends them.
"""

from __future__ import annotations

import json
import re
import socket
import time
from types import TracebackType
from typing import Any, NamedTuple

_READ = 1 << 18
_PATIENCE = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END_OF_CHUNKS = b"\r\n0\r\n\r\n"


class BadAnswerError(RuntimeError):
    """An answer was not the one that was asked for; nothing measured with it would mean anything."""


class Streamed(NamedTuple):
    """A whole stream: seconds until the first token, and bytes in all."""

    first_token: float
    size: int


def post(path: str, body: dict[str, Any], token: str) -> bytes:
    """A whole HTTP request."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def get(path: str) -> bytes:
    """A whole HTTP request."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


class Connection:
    """A connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, request: bytes) -> float:
        """Seconds for one call, from the first byte sent to the last one received."""
        start = time.perf_counter()
        self._socket.sendall(request)
        answer = self._receive()
        while (missing := _missing(answer)) > 0:
            answer += self._receive()
            assert missing
        taken = time.perf_counter() - start
        _check(answer)
        return taken

    def status(self, request: bytes) -> int:
        """The status of a call without interest in its body."""
        self._socket.sendall(request)
        answer = self._receive()
        while _missing(answer) > 0:
            answer += self._receive()
        return int(answer[9:12])

    def until(self, request: bytes, marker: bytes) -> tuple[float, bytes]:
        """Seconds until `marker` has arrived, and all that has arrived by then."""
        start = time.perf_counter()
        self._socket.sendall(request)
        answer = self._receive()
        while marker not in answer:
            _check(answer)
            answer += self._receive()
        return time.perf_counter() - start, answer

    def stream(self, request: bytes, first: bytes, last: bytes) -> Streamed:
        """Take a whole stream; `first` marks its first token and `last` is in its last event."""
        first_token, tail = self.until(request, first)
        _check(tail)
        size = len(tail)
        while not tail.endswith(_END_OF_CHUNKS):
            data = self._receive()
            size += len(data)
            tail = tail[-1024:] + data
        if last not in tail[-1024:]:
            raise BadAnswerError(f"a stream ended without {last!r}: {tail[-1024:]!r}")
        return Streamed(first_token, size)

    def _receive(self) -> bytes:
        data = self._socket.recv(_READ)
        if not data:
            raise BadAnswerError("the connection was closed")
        return data

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _missing(answer: bytes) -> int:
    """How many bytes of an answer with a Content-Length are still to come; 1 when that is not known yet."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return 1
    found = _LENGTH.search(head)
    if found is None:
        raise BadAnswerError(f"an answer without Content-Length: {head!r}")
    return int(found[1]) - len(body)


def _check(answer: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise BadAnswerError(f"not a 200: {answer[:1000]!r}")
