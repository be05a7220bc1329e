"""Who reads slowly slows the model down; who reads nothing holds few bytes, and nobody else up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import web

from tests.integration.server.conftest import Start
from tests.unit.server.upstream import Behaviour, Upstream, piece, sse, writing

Headers = dict[str, str]
KB = 1024
BATCH = sse(*[piece("x" * 1000)] * 30)
BATCHES = 200  # of one answer: 6 MB
READERS = 50
SMALL = 16 * KB  # of the buffers that are not the server's: the kernel takes twice as much
# What a model can write before it has to wait: 64 kB in its own process, the kernel's buffers of both
# connections, 64 kB in the server before what is read and 16 kB behind it.
MOST_WRITTEN = 512 * KB
MOST_HELD = 512 * KB  # by the server, of one stream


class Torrent:
    """A model that writes as fast as it may. `written` are the bytes of all its answers so far."""

    def __init__(self) -> None:
        self.written = 0
        self.begun = 0

    def answer(self) -> Behaviour:
        async def behave(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            response = await writing()(request)
            self.begun += 1
            for _ in range(BATCHES):
                await response.write(BATCH)
                self.written += len(BATCH)
            await response.write(sse({"choices": [{"finish_reason": "stop"}]}, b"[DONE]"))
            return response

        return behave

    async def stopped(self, answers: int) -> None:
        """Wait until all answers have begun and nothing more is written."""
        before, quiet = -1, 0
        async with asyncio.timeout(60):
            while self.begun < answers or quiet < 10:
                quiet = quiet + 1 if self.written == before else 0
                before = self.written
                await asyncio.sleep(0.03)


@contextmanager
def silent_reader(url: str, headers: Headers) -> Iterator[socket.socket]:
    """A client that asks for a stream and reads nothing of it."""
    address = urlsplit(url)
    body = json.dumps({"input": "Hello"})
    head = [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
    with closing(socket.socket()) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        made.connect((address.hostname, address.port))
        made.sendall("\r\n".join(["POST /stream HTTP/1.1", "Host: test", *head, "", body]).encode())
        yield made


async def test_readers_that_read_nothing_hold_few_bytes_and_nobody_else_up(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server, torrent = await start(), Torrent()
    await chat(http, server.url, caller)
    before = resident(server.pid)
    upstream.behaviours = [torrent.answer() for _ in range(READERS)]
    with ExitStack() as readers:
        for _ in range(READERS):
            readers.enter_context(silent_reader(server.url, caller))
        await torrent.stopped(READERS)
        assert torrent.written <= READERS * MOST_WRITTEN
        assert resident(server.pid) - before <= READERS * MOST_HELD
        assert await chat(http, server.url, caller) == "Good day."
    await server.line(log="access", path="/stream", status=499)


async def test_a_slow_reader_gets_everything_in_the_end(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server, torrent = await start(), Torrent()
    upstream.behaviours = [torrent.answer()]
    async with http.post(f"{server.url}/stream", json={"input": "Hello"}, headers=caller) as response:
        await torrent.stopped(1)
        text = await response.text()
    assert torrent.written == BATCHES * len(BATCH)
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    assert sum(len(msgspec.json.decode(one).get("text", "")) for one in data) == BATCHES * 30_000
    assert text.splitlines()[-4] == "event: done"


async def chat(http: aiohttp.ClientSession, url: str, caller: Headers) -> str:
    async with http.post(f"{url}/chat", json={"input": "Hello"}, headers=caller) as response:
        answer: str = (await response.json())["answer"]
        return answer


def resident(pid: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
