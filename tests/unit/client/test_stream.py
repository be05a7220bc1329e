"""Streamed answers: their events, and connections that break."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from gagarin.client import (
    Client,
    Done,
    Interrupted,
    InvalidRequest,
    NotGagarin,
    ServerFailed,
    Source,
    TimedOut,
    Token,
    ToolCall,
    Unauthenticated,
    Usage,
)
from gagarin.client import stream as module
from tests.unit.client.instance import Instance, event, hanging_up, refusing, writing
from tests.unit.server.waiting import happens

FIRST, SECOND = event(1, "token", {"text": "Good "}), event(2, "token", {"text": "day."})
DONE = event(3, "done", {"conversation": "c1"})


async def test_events_are_typed_and_come_in_order(instance: Instance) -> None:
    call = {"id": "1", "name": "clock", "arguments": {"zone": "UTC"}, "outcome": "running"}
    source = {"name": "docs", "title": "A", "location": "a.md"}
    instance.behaviours = [
        writing(
            FIRST,
            event(2, "tool", call),
            event(3, "of_a_newer_server", {}) + event(4, "tool", call | {"outcome": "ok", "seconds": 0.5}),
            b":\n\n" + event(5, "usage", {"prompt_tokens": 7}),
            event(6, "done", {"conversation": "c1", "sources": [source], "finish": "length"}),
            Gagarin_Conversation="c1",
        )
    ]
    async with Client(instance.url, "t") as client, client.stream("Hello", conversation="c1") as stream:
        events = [each async for each in stream]
        assert stream.conversation == "c1"
    assert events == [
        Token("Good "),
        ToolCall("1", "clock", {"zone": "UTC"}, "running"),
        ToolCall("1", "clock", {"zone": "UTC"}, "ok", 0.5),
        Usage(7),
        Done("c1", sources=(Source("docs", "A", "a.md"),), finish="length"),
    ]
    assert instance.requests[0][3] == {"input": "Hello", "conversation": "c1"}


async def test_the_text_can_be_read_alone(instance: Instance) -> None:
    instance.behaviours = [writing(FIRST, SECOND, DONE)]
    async with Client(instance.url, "t") as client:
        assert [text async for text in client.stream("Hello").text()] == ["Good ", "day."]


async def test_a_cut_stream_goes_on_after_its_last_event(instance: Instance) -> None:
    read, texts = asyncio.Event(), []
    instance.behaviours = [writing(FIRST, SECOND[:20], cut=True, after=read), writing(SECOND, DONE)]
    async with Client(instance.url, "t") as client:
        async for text in client.stream("Hello", end_user="ann").text():
            texts.append(text)
            read.set()
    assert texts == ["Good ", "day."]
    method, path, headers, body = instance.requests[1]
    assert (method, path, body) == ("GET", "/stream", None)
    assert headers["Last-Event-ID"] == "s.1"
    assert headers["Gagarin-End-User"] == "ann"
    assert "Idempotency-Key" not in headers
    assert instance.headers("Accept") == ["text/event-stream"] * 2


async def test_one_that_is_cut_before_its_first_event_is_asked_again_with_its_key(instance: Instance) -> None:
    instance.behaviours = [hanging_up(), writing(b":\n\n", cut=True), writing(FIRST, SECOND, DONE)]
    async with Client(instance.url, "t") as client:
        assert [text async for text in client.stream("Hello").text()] == ["Good ", "day."]
    assert [method for method, _, _, _ in instance.requests] == ["POST"] * 3
    assert len(set(instance.headers("Idempotency-Key"))) == 1


async def test_it_is_not_taken_up_for_ever(instance: Instance) -> None:
    instance.behaviours = [writing(FIRST, cut=True), *[writing(cut=True)] * 5]
    async with Client(instance.url, "t") as client:
        stream = client.stream("Hello")
        with pytest.raises(Interrupted, match=r"ended before|payload"):
            _ = [each async for each in stream]
    assert len(instance.requests) == 3


@pytest.mark.parametrize("status", [404, 410])
async def test_one_that_cannot_be_resumed_says_why(instance: Instance, status: int) -> None:
    read = asyncio.Event()
    instance.behaviours = [writing(FIRST, cut=True, after=read), refusing(status, "events-gone")]
    async with Client(instance.url, "t") as client:
        stream = client.stream("Hello")
        assert await anext(stream) == Token("Good ")
        read.set()
        with pytest.raises(Interrupted, match="cannot be resumed: No: because"):
            await anext(stream)


async def test_a_refusal_of_the_question_is_the_refusal_itself(instance: Instance) -> None:
    instance.behaviours = [refusing(422)]
    async with Client(instance.url, "t") as client:
        with pytest.raises(InvalidRequest):
            await anext(client.stream(""))


async def test_an_error_event_is_raised_as_the_error_it_stands_for(instance: Instance) -> None:
    problem = {"type": "https://gagarin.fyodorov.ai/problems/token-expired", "title": "Late", "status": 401}
    instance.behaviours = [
        writing(FIRST, event(2, "error", problem)),
        writing(event(1, "error", {"status": 1})),
    ]
    async with Client(instance.url, "t") as client:
        stream = client.stream("Hello")
        assert await anext(stream) == Token("Good ")
        with pytest.raises(Unauthenticated, match="Late"):
            await anext(stream)
        with pytest.raises(NotGagarin, match="'error' cannot be read"):
            await anext(client.stream("Hello"))


async def test_an_error_of_the_provider_does_not_begin_the_answer_again(instance: Instance) -> None:
    problem = {"type": "about:blank", "title": "Provider", "status": 502}
    instance.behaviours = [writing(event(1, "error", problem))]
    async with Client(instance.url, "t") as client:
        with pytest.raises(ServerFailed):
            await anext(client.stream("Hello"))
    assert len(instance.requests) == 1


async def test_a_silent_stream_is_taken_up_again(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(FIRST)
        await asyncio.Event().wait()
        return response

    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.3)
    instance.behaviours = [silent]
    async with Client(instance.url, "t", attempts=1) as client:
        with pytest.raises(TimedOut, match=r"silent for 0\.3 s"):
            _ = [each async for each in client.stream("Hello")]
    instance.behaviours = [silent, writing(SECOND, DONE)]
    async with Client(instance.url, "t") as client:
        assert [text async for text in client.stream("Hello").text()] == ["Good ", "day."]


async def test_leaving_the_block_ends_the_connection(instance: Instance) -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(FIRST)
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return response

    instance.behaviours = [endless]
    async with Client(instance.url, "t") as client:
        async with client.stream("Hello") as stream:
            assert await anext(stream) == Token("Good ")
        await happens(gone)
