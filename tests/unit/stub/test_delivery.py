"""Delays and faults, as raw bytes on the wire."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientResponse as Response

from gagarin.stub.delivery import pace
from gagarin.stub.rules import Reply
from tests.unit.stub.conftest import Running


def body(directive: str, *, stream: bool) -> dict[str, Any]:
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": f"[stub {directive}]"}]}


def post(stub: Running, directive: str, *, stream: bool = True) -> AbstractAsyncContextManager[Response]:
    return stub.http.post("/v1/chat/completions", json=body(directive, stream=stream))


async def read(stub: Running, directive: str, *, stream: bool = True) -> tuple[bytes, bool]:
    """What arrived, and whether the answer ended as HTTP demands."""
    data = b""
    try:
        async with post(stub, directive, stream=stream) as response:
            async for piece in response.content.iter_any():
                data += piece
    except aiohttp.ClientPayloadError:
        return data, False
    return data, True


@pytest.mark.parametrize("stream", [True, False])
async def test_a_disconnect_before_the_headers_gives_nothing(stub: Running, stream: bool) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await read(stub, "fault=disconnect", stream=stream)


async def test_a_disconnect_after_two_tokens_gives_two_tokens(stub: Running) -> None:
    data, whole = await read(stub, "tokens=9 fault=disconnect after=2")
    assert data.count(b'"delta":{"content":') == 2
    assert not whole


async def test_a_disconnect_in_a_plain_answer_gives_half_a_body(stub: Running) -> None:
    data, whole = await read(stub, "tokens=9 fault=disconnect after=0", stream=False)
    assert not whole
    assert data.startswith(b'{"id"')


@pytest.mark.parametrize("stream", [True, False])
async def test_malformed_json_arrives_whole(stub: Running, stream: bool) -> None:
    data, whole = await read(stub, "tokens=4 fault=malformed after=2", stream=stream)
    assert whole
    events = [
        item.removeprefix(b"data: ") for item in data.removesuffix(b"data: [DONE]\n\n").split(b"\n\n") if item
    ]
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[-1])


async def test_a_truncated_stream_ends_without_a_word(stub: Running) -> None:
    data, whole = await read(stub, "tokens=4 fault=truncate after=2")
    assert whole
    assert data.count(b'"delta":{"content":') == 2
    assert b"[DONE]" not in data


async def test_an_error_in_the_middle_of_a_stream_is_an_event(stub: Running) -> None:
    data, whole = await read(stub, "tokens=4 status=500 after=1 message=broken")
    assert whole
    assert json.loads(data.strip().split(b"\n\n")[-1].removeprefix(b"data: "))["error"]["message"] == "broken"


@pytest.mark.parametrize("after", ["", "after=1"])
async def test_a_hanging_answer_ends_when_the_client_goes(stub: Running, after: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), post(stub, f"tokens=4 fault=hang {after}") as response:
            await response.read()
    async with stub.http.get("/healthz") as response:
        assert response.status == 200


async def test_raw_text_replaces_the_answer(stub: Running) -> None:
    for stream in (True, False):
        data, _ = await read(stub, "raw=<html>", stream=stream)
        assert data == b"<html>"


async def test_split_bytes_change_the_pieces_and_not_the_text(stub: Running) -> None:
    directive = "content='Поехали, 🚀!'"
    pieces: list[bytes] = []
    async with post(stub, f"{directive} split_bytes=3") as response:
        async for piece, _ in response.content.iter_chunks():
            pieces.append(piece)
    assert max(map(len, pieces)) > 0
    texts = [json.loads(item[6:]) for item in b"".join(pieces).split(b"\n\n")[:-2]]
    assert "".join(item["choices"][0]["delta"].get("content") or "" for item in texts) == "Поехали, 🚀!"


async def test_coalesced_tokens_are_still_chunks_of_their_own(stub: Running) -> None:
    data, whole = await read(stub, "tokens=1000 coalesce=300")
    assert whole
    assert data.count(b'"delta":{"content":') == 1000
    assert data.endswith(b"data: [DONE]\n\n")


async def test_a_long_answer_without_pauses_lets_others_run() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in pace([b"x"] * 1000, Reply()):
        pass
    task.cancel()
    assert turns > 10


@pytest.mark.parametrize("stream", [True, False])
async def test_delays_add_up(stub: Running, stream: bool) -> None:
    clock = asyncio.get_running_loop().time
    start = clock()
    await read(stub, "tokens=3 headers_delay=0.04 first_token_delay=0.04 between_tokens=0.04", stream=stream)
    assert clock() - start >= 0.16


async def test_a_client_that_goes_in_the_middle_of_a_stream_is_no_error(
    stub: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with post(stub, "tokens=200000") as response:
        await response.content.readany()
        response.close()
    async with stub.http.get("/healthz") as response:
        assert response.status == 200
    assert caplog.records == []


async def test_the_headers_of_a_stream_do_not_wait_for_the_first_token(stub: Running) -> None:
    async with post(stub, "first_token_delay=3600") as response:
        assert response.status == 200
        response.close()
