"""Streamed replies: what is known when, of text, of calls and of the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gagarin.core.config import Timeouts
from gagarin.server.errors import ProviderError
from gagarin.server.provider import ModelClient
from gagarin.server.replystream import ReplyStream
from gagarin.server.toolcalls import MAX_CALLS, Call
from gagarin.server.wire import Message
from tests.unit.server.providing import model_at
from tests.unit.server.upstream import DONE, FINISH, Upstream, called, calling, piece, sse, writing
from tests.unit.server.waiting import until

HELLO = [Message("user", "Hello")]
SLOW = Timeouts(connect=2.0, first_token=0.2, between_tokens=5.0, total=5.0)


@pytest.fixture
async def model(upstream: Upstream, tmp_path: Path) -> AsyncIterator[ModelClient]:
    async with model_at(upstream.url, tmp_path, timeouts=SLOW, retries=0) as client:
        yield client


def part(call: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


async def texts(stream: ReplyStream) -> list[str]:
    try:
        return [text async for pieces in stream for text in pieces]
    finally:
        await stream.close()


async def test_text_and_calls_of_one_reply_are_both_there(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [calling(called("f", {"x": 1}, id="a"), text="Wait.")]
    stream = await model.open(HELLO)
    assert await texts(stream) == ["Wait."]
    assert stream.calls == (Call("a", "f", '{"x":1}'),)


async def test_a_reply_has_begun_when_a_call_has(model: ModelClient, upstream: Upstream) -> None:
    """Long arguments take longer than the first token may."""
    first, rest = part(called("f", "{", id="a")), part({"index": 0, "function": {"arguments": "}"}})
    more = asyncio.Event()

    async def slowly(request: Any) -> Any:
        response = await writing(sse(first))(request)
        await more.wait()
        await response.write(sse(rest, FINISH, DONE))
        return response

    upstream.behaviours = [slowly]
    stream = await model.open(HELLO)
    more.set()
    assert await texts(stream) == []
    assert stream.calls == (Call("a", "f", "{}"),)


async def test_calls_split_at_every_byte_are_put_together(model: ModelClient, upstream: Upstream) -> None:
    text = sse(part(called("f", {"x": "é"}, id="a")), part(called("g", {}, id="b", index=1)), FINISH, DONE)
    upstream.behaviours = [writing(*(text[at : at + 1] for at in range(len(text))))]
    stream = await model.open(HELLO)
    assert await texts(stream) == []
    assert [call.name for call in stream.calls] == ["f", "g"]


async def test_more_calls_than_any_reply_has_are_nonsense(model: ModelClient, upstream: Upstream) -> None:
    parts = [part(called("f", {}, id=str(index), index=index)) for index in range(MAX_CALLS + 1)]
    upstream.behaviours = [writing(sse(*parts, FINISH, DONE))]
    with pytest.raises(ProviderError, match="tool calls"):
        await model.open(HELLO)


async def test_a_refusal_after_an_answer_began_is_part_of_it(model: ModelClient, upstream: Upstream) -> None:
    refusal = {"choices": [{"delta": {"refusal": " No."}}]}
    upstream.behaviours = [writing(sse(piece("Yes."), refusal, FINISH, DONE))]
    stream = await model.open(HELLO)
    assert await texts(stream) == ["Yes.", " No."]
    assert stream.finish == "stop"


async def test_only_the_time_in_which_a_read_waits_is_counted(upstream: Upstream, tmp_path: Path) -> None:
    """A caller that reads slowly makes no provider slow."""
    gates = [asyncio.Event(), asyncio.Event()]

    async def in_parts(request: Any) -> Any:
        response = await writing(sse(piece("a")))(request)
        for gate, rest in zip(gates, ((piece("b"),), (piece("c"), FINISH, DONE)), strict=True):
            await gate.wait()
            await response.write(sse(*rest))
        return response

    upstream.behaviours = [in_parts]
    timeouts = Timeouts(between_tokens=0.2, total=60.0)
    async with model_at(upstream.url, tmp_path, timeouts=timeouts, retries=0) as client:
        stream = await client.open(HELLO)
        gates[0].set()
        assert [await anext(stream), await anext(stream)] == [["a"], ["b"]]

        async def looked() -> bool:
            return stream._watch._timer is None

        await until(looked)
        gates[1].set()
        assert await texts(stream) == ["c"]
