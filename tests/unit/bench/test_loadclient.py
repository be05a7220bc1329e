from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadclient import BadAnswerError, Connection, Tail, get

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM = HEAD + b"5\r\nhello\r\n" * 300 + b"6\r\n[DONE]\r\n0\r\n\r\n"


@given(st.lists(st.integers(1, len(STREAM) - 1), unique=True).map(sorted))
def test_a_stream_is_over_at_its_end_however_it_is_cut(cuts: list[int]) -> None:
    tail = Tail(b"[DONE]")
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        assert not tail.is_over
        tail.take(STREAM[start:end])
    assert tail.is_over
    assert tail.size == len(STREAM)


def test_a_stream_that_ends_without_its_last_event_is_no_measurement() -> None:
    tail = Tail(b"[DONE]")
    tail.take(HEAD + b"5\r\nhello\r\n0\r\n\r\n")
    with pytest.raises(BadAnswerError, match=r"without b'\[DONE\]'"):
        assert tail.is_over


def test_an_error_is_no_stream() -> None:
    with pytest.raises(BadAnswerError, match="not a 200"):
        Tail(b"[DONE]").take(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")


def answering(pieces: list[bytes]) -> int:
    """The port of a server that answers one request with these pieces and then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(1024)
            for piece in pieces:
                connection.sendall(piece)

    threading.Thread(target=serve, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


def test_an_answer_is_read_to_its_end() -> None:
    port = answering([b"HTTP/1.1 200 OK\r\ncontent-", b"length: 5\r\n\r", b"\nhe", b"llo"])
    with Connection(port) as connection:
        assert connection.call(get("/")) > 0


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"], "closed"),
        ([b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"], "not a 200"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "without Content-Length"),
    ],
)
def test_another_answer_is_no_measurement(pieces: list[bytes], why: str) -> None:
    with Connection(answering(pieces)) as connection, pytest.raises(BadAnswerError, match=why):
        connection.call(get("/"))
