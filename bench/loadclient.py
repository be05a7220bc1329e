"""The load client: one blocking socket, requests written beforehand, and as little reading as will do.

It must not be what is measured. It does not parse HTTP beyond what tells it where an answer ends, so what a
call costs it is nearly all in the kernel, and it takes streams faster than anything here sends them.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

_READ = 1 << 18
_PATIENCE = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END_OF_CHUNKS = b"\r\n0\r\n\r\n"
_OK = b"HTTP/1.1 200 "
_TAIL = 1024
_LEAST_CHUNK = 4  # the text of a chunk: those that come together may be one event, so no more is sure


class BadAnswerError(RuntimeError):
    """An answer was not the one that was asked for; nothing measured with it would mean anything."""


def post(path: str, body: Mapping[str, Any], token: str) -> bytes:
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
    """A connection that is kept open. `receive_buffer` is how many bytes the kernel takes in unread."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(_PATIENCE)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, request: bytes) -> float:
        """Seconds for one call, from the first byte sent to the last one received."""
        start = time.perf_counter()
        answer = self._exchange(request)
        taken = time.perf_counter() - start
        _check(answer)
        return taken

    def status(self, request: bytes) -> int:
        """The status of a call without interest in its body."""
        return int(self._exchange(request)[9:12])

    def document(self, request: bytes) -> dict[str, Any]:
        """The JSON that a call is answered with."""
        answer = self._exchange(request)
        _check(answer)
        return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))

    def _exchange(self, request: bytes) -> bytes:
        self._socket.sendall(request)
        answer = self.receive()
        while not _is_whole(answer):
            answer += self.receive()
        return answer

    def until(self, request: bytes, marker: bytes) -> tuple[float, bytes]:
        """Seconds until `marker` has arrived, and all that has arrived by then."""
        start = time.perf_counter()
        self._socket.sendall(request)
        answer = self.receive()
        while marker not in answer:
            _check(answer)
            answer += self.receive()
        return time.perf_counter() - start, answer

    def first_token(self, request: bytes, first: bytes, last: bytes) -> float:
        """Seconds until the first token of a stream, which is then read to its end."""
        seconds, answer = self.until(request, first)
        tail = Tail(last)
        tail.take(answer)
        while not tail.is_over:
            tail.take(self.receive())
        return seconds

    def send(self, request: bytes) -> None:
        """Send without waiting for the answer."""
        self._socket.sendall(request)

    def fileno(self) -> int:
        """For `selectors`."""
        return self._socket.fileno()

    def receive(self) -> bytes:
        """What has arrived, at least one byte. Raises `BadAnswerError` at the end of the connection."""
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


class Tail:
    """The end of a stream that is being read; the rest is only counted. `last` is in its last event."""

    def __init__(self, last: bytes) -> None:
        self._last = last
        self._end = b""
        self.size = 0

    def take(self, data: bytes) -> None:
        """More of the stream."""
        if self.size < len(_OK):
            _check(self._end + data)
        self.size += len(data)
        self._end = self._end[-_TAIL:] + data[-_TAIL:]

    @property
    def is_over(self) -> bool:
        """Whether the stream has ended. Raises `BadAnswerError` if that was too early."""
        if not self._end.endswith(_END_OF_CHUNKS):
            return False
        if self._last not in self._end:
            raise BadAnswerError(f"a stream ended without {self._last!r}: {self._end!r}")
        return True


def take_all(connections: Sequence[Connection], request: bytes, last: bytes, chunks: int) -> None:
    """The same stream on every connection at once, to the end. Raises `BadAnswerError` if one is short."""
    tails = {connection.fileno(): Tail(last) for connection in connections}
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.send(request)
            selector.register(connection.fileno(), selectors.EVENT_READ, connection)
        while selector.get_map():
            for key, _ in selector.select(_PATIENCE):
                tail = tails[key.fd]
                tail.take(key.data.receive())
                if tail.is_over:
                    selector.unregister(key.fd)
                    _check_size(tail.size, chunks)


def _check_size(size: int, chunks: int) -> None:
    if size < chunks * _LEAST_CHUNK:
        raise BadAnswerError(f"a stream of {size} bytes has not the {chunks} chunks that were asked for")


def _is_whole(answer: bytes) -> bool:
    """Whether an answer with a Content-Length has arrived to its end."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    found = _LENGTH.search(head)
    if found is None:
        raise BadAnswerError(f"an answer without Content-Length: {head!r}")
    return len(body) >= int(found[1])


def _check(answer: bytes) -> None:
    """Raises `BadAnswerError` for anything but a 200, or the beginning of one."""
    if not _OK.startswith(answer[: len(_OK)]):
        raise BadAnswerError(f"not a 200: {answer[:1000]!r}")
