"""The process of the gateway: what its ports do, whatever is behind them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from gagarin.gateway import process
from gagarin.serving.connections import listening
from gagarin.serving.errors import StartError


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"s3cret" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\x01\r\n\r\n",
        b"GET /?s3cret=\xff HTTP/1.1\r\n\r\n",
    ],
    ids=["huge token", "broken token", "broken path"],
)
async def test_what_is_no_http_is_refused_and_not_quoted_in_the_log(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:
        runner = await process._listening(web.Application(), 0.1, stack)
        port = await process._listen(runner, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_)
        assert (await reader.read(65_536)).startswith(b"HTTP/1.0 400")
        writer.close()
        await writer.wait_closed()
    assert not caplog.records


async def test_a_taken_port_keeps_the_gateway_from_starting() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        async with AsyncExitStack() as stack:
            runner = await process._listening(web.Application(), 0.1, stack)
            with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1 port {port}"):
                await process._listen(runner, "127.0.0.1", port)
