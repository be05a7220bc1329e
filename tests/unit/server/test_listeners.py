"""Draining lets what is under way finish, within its time."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from gagarin.server.listeners import SEND_BUFFER, Listener
from gagarin.serving.errors import StartError


class Slow:
    """An application whose one route waits for `proceed`."""

    def __init__(self) -> None:
        self.proceed = asyncio.Event()
        self.entered = asyncio.Event()
        app = web.Application()
        app.router.add_get("/", self._wait)
        app.router.add_get("/quick", self._quick)
        self.listener = Listener(app)

    async def _quick(self, _: web.Request) -> web.Response:
        return web.Response(text="done")

    async def _wait(self, _: web.Request) -> web.Response:
        self.entered.set()
        await self.proceed.wait()
        return web.Response(text="done")


async def get(port: int) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as response:
        return await response.text()


async def test_what_is_under_way_finishes_and_nothing_new_begins() -> None:
    slow = Slow()
    port = await slow.listener.listen("127.0.0.1", 0)
    first = asyncio.create_task(get(port))
    await slow.entered.wait()
    draining = asyncio.create_task(slow.listener.drain(10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientConnectionError):
        await get(port)
    assert not draining.done()
    slow.proceed.set()
    assert await draining
    assert await first == "done"


async def test_what_takes_too_long_is_cut() -> None:
    slow = Slow()
    port = await slow.listener.listen("127.0.0.1", 0)
    first = asyncio.create_task(get(port))
    await slow.entered.wait()
    assert not await slow.listener.drain(0.01)
    with pytest.raises(aiohttp.ClientConnectionError):
        await first


async def test_idle_connections_are_closed_at_once_so_that_no_request_comes_over_them() -> None:
    slow = Slow()
    port = await slow.listener.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
    first = asyncio.create_task(get(port))
    await slow.entered.wait()
    draining = asyncio.create_task(slow.listener.drain(10))
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    assert not draining.done()
    writer.close()
    await writer.wait_closed()
    slow.proceed.set()
    assert await draining
    assert await first == "done"


async def test_idle_connections_do_not_hold_up_the_end() -> None:
    slow = Slow()
    slow.proceed.set()
    port = await slow.listener.listen("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/") as response:
            await response.read()
        async with asyncio.timeout(30):
            assert await slow.listener.drain(60)


async def test_whoever_keeps_connections_open_is_told_when_draining_begins() -> None:
    told = asyncio.Event()
    listener = Listener(web.Application(), told.set)
    await listener.listen("127.0.0.1", 0)
    assert not told.is_set()
    await listener.drain(0)
    assert told.is_set()


async def test_connections_inherit_a_small_send_buffer() -> None:
    slow = Slow()
    port = await slow.listener.listen("127.0.0.1", 0)
    first = asyncio.create_task(get(port))
    await slow.entered.wait()
    assert slow.listener._runner.server is not None
    (connection,) = slow.listener._runner.server.connections
    assert connection.transport is not None
    sent = connection.transport.get_extra_info("socket")
    assert sent.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER
    slow.proceed.set()
    assert await first == "done"
    await slow.listener.drain(1)


async def raw(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read(65_536)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"s3cret" * 20_000 + b"\r\n\r\n",
        b"s3cret\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthori zation: Bearer s3cret\r\n\r\n",
        b"\x16\x03\x01 a TLS handshake, s3cret",
    ],
    ids=["huge token", "no HTTP", "broken header", "TLS"],
)
async def test_what_is_no_http_is_refused_and_not_quoted_in_the_log(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow()
    port = await slow.listener.listen("127.0.0.1", 0)
    assert (await raw(port, request_)).startswith(b"HTTP/1.0 400")
    assert "s3cret" not in caplog.text
    assert (await raw(port, b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200")
    await slow.listener.drain(0)


async def test_a_body_that_cannot_be_unpacked_is_not_a_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Slow()
    slow.proceed.set()
    port = await slow.listener.listen("127.0.0.1", 0)
    head = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\n"
    assert (await raw(port, head + b"s3cret")).startswith(b"HTTP/1.1 200")
    await slow.listener.drain(1)
    assert not caplog.records


async def test_several_requests_come_over_one_connection() -> None:
    slow = Slow()
    port = await slow.listener.listen("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"http://127.0.0.1:{port}/quick") as response:
                assert await response.text() == "done"
        assert slow.listener._runner.server is not None
        assert len(slow.listener._runner.server.connections) == 1
    await slow.listener.drain(0)


async def test_a_taken_port_keeps_the_server_from_starting() -> None:
    one, two = Slow(), Slow()
    port = await one.listener.listen("127.0.0.1", 0)
    with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1 port {port}"):
        await two.listener.listen("127.0.0.1", port)
    await one.listener.drain(0)
    await two.listener.drain(0)
