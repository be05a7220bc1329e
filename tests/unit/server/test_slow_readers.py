"""Somebody who reads nothing is let go when its time is over, whichever way it asked."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from gagarin.core.config import Limits
from gagarin.server import observe
from tests.unit.server.serving import serving
from tests.unit.server.upstream import Upstream, piece, sse, writing
from tests.unit.server.waiting import happens, until

MESSAGES = {"model": "helper", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}


async def endless(request: web.Request) -> web.StreamResponse:
    response = await writing()(request)
    while True:
        await response.write(sse(*[piece("x" * 1000)] * 30))


@pytest.mark.parametrize(
    ("path", "accept", "body"),
    [
        ("/stream", "*/*", {"input": "Hello"}),
        ("/stream", "text/plain", {"input": "Hello"}),
        ("/v1/chat/completions", "*/*", MESSAGES),
        ("/v1/responses", "*/*", {"model": "helper", "stream": True, "input": "Hello"}),
    ],
)
async def test_a_reader_that_reads_nothing_is_cut_off_when_the_time_is_over(
    upstream: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    accept: str,
    body: dict[str, object],
) -> None:
    monkeypatch.setattr(observe, "LAST_WORDS_SECONDS", 0.05)
    upstream.behaviours = [endless]
    text = json.dumps(body)
    async with serving(upstream, tmp_path, limits=Limits(request_timeout=1.0)) as api:
        named = {**api.headers(), "Accept": accept, "Content-Length": str(len(text))}
        head = [f"POST {path} HTTP/1.1", "Host: test", *(f"{name}: {value}" for name, value in named.items())]
        address = urlsplit(api.url)
        with closing(socket.socket()) as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect((address.hostname, address.port))
            reader.sendall("\r\n".join([*head, "", text]).encode())
            await happens(upstream.abandoned)

            async def let_go() -> bool:
                server = api.listener._runner.server
                return server is not None and not server.connections

            await until(let_go)
        (line,) = api.log("access")
        assert line["problem"] == "request-timeout"
