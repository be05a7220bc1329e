"""The routes below /v1/ over HTTP: shapes, streams and errors, byte by byte where clients depend on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gagarin.core.config import Limits
from gagarin.server import heartbeat
from gagarin.server.sse import Parser
from tests.unit.server.serving import Api, serving
from tests.unit.server.turning import FakeTool, echo
from tests.unit.server.upstream import (
    DONE,
    FINISH,
    USAGE,
    Upstream,
    called,
    calling,
    failing,
    piece,
    silent,
    sse,
    writing,
)
from tests.unit.server.waiting import happens

HELLO = {"model": "helper", "messages": [{"role": "user", "content": "Hello"}]}
ASKED = {"model": "helper", "input": "Hello"}


@pytest.fixture
async def api(upstream: Upstream, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(upstream, tmp_path) as made:
        yield made


async def events(api: Api, path: str, body: dict[str, Any]) -> list[Any]:
    """The data of a stream's events."""
    async with api.post(path, {**body, "stream": True}) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        data = Parser().feed(await response.read())
    return [each.decode() if each == b"[DONE]" else msgspec.json.decode(each) for each in data]


async def test_a_dialogue_is_answered_and_nothing_of_it_is_kept(api: Api, upstream: Upstream) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]
    status, answer = await api.call("POST", "/v1/chat/completions", {"model": "helper", "messages": messages})
    message = {"role": "assistant", "content": "Good day.", "refusal": None}
    assert (status, answer) == (
        200,
        {
            "id": answer["id"],
            "object": "chat.completion",
            "created": answer["created"],
            "model": "helper",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": USAGE,
        },
    )
    system, *said = upstream.bodies[0]["messages"]
    assert system["content"].startswith("Be kind.")
    assert "Be brief." in system["content"]
    assert [message["content"] for message in said] == ["one", "two", "three"]
    assert (await api.call("GET", "/conversations"))[1]["conversations"] == []


async def test_a_streamed_completion_is_chunks_and_an_end_mark(api: Api) -> None:
    *chunks, done = await events(api, "/v1/chat/completions", HELLO)
    assert done == "[DONE]"
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Good day."},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    assert len({(chunk["id"], chunk["object"], chunk["model"]) for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)


async def test_usage_comes_last_if_it_is_asked_for(api: Api) -> None:
    asked = {**HELLO, "stream_options": {"include_usage": True}}
    *chunks, used, _ = await events(api, "/v1/chat/completions", asked)
    assert (used["choices"], used["usage"]) == ([], USAGE)
    assert all(chunk["usage"] is None for chunk in chunks)


async def test_a_response_is_an_answer_with_one_message(api: Api) -> None:
    status, answer = await api.call("POST", "/v1/responses", {**ASKED, "instructions": "Be brief."})
    assert status == 200
    assert (answer["object"], answer["status"], answer["model"]) == ("response", "completed", "helper")
    assert (answer["instructions"], answer["store"]) == ("Be brief.", False)
    (message,) = answer["output"]
    text = {"type": "output_text", "text": "Good day.", "annotations": [], "logprobs": []}
    assert (message["type"], message["role"], message["content"]) == ("message", "assistant", [text])
    used = answer["usage"]
    assert (used["input_tokens"], used["output_tokens"], used["total_tokens"]) == (7, 3, 10)


async def test_a_streamed_response_is_numbered_events(api: Api) -> None:
    found = await events(api, "/v1/responses", ASKED)
    assert [each["type"].removeprefix("response.") for each in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [each["sequence_number"] for each in found] == list(range(9))
    assert [each["delta"] for each in found if "delta" in each] == ["Good day."]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == "Good day."
    assert found[0]["response"]["id"] == found[-1]["response"]["id"]


@pytest.mark.parametrize(
    ("reason", "finish", "status", "why"),
    [
        ("length", "length", "incomplete", "max_output_tokens"),
        ("content_filter", "content_filter", "incomplete", "content_filter"),
        ("stop", "stop", "completed", None),
    ],
)
async def test_why_an_answer_ended_is_told(
    api: Api, upstream: Upstream, reason: str, finish: str, status: str, why: str | None
) -> None:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    upstream.behaviours = [writing(sse(piece("Good"), end, DONE)) for _ in range(2)]
    *_, last, _ = await events(api, "/v1/chat/completions", HELLO)
    assert last["choices"][0]["finish_reason"] == finish
    *_, ended = await events(api, "/v1/responses", ASKED)
    assert ended["type"] == f"response.{status}"
    assert ended["response"]["incomplete_details"] == (why and {"reason": why})


async def test_a_model_that_refuses_is_told_as_such(api: Api, upstream: Upstream) -> None:
    async def refuse(_: Any) -> Any:
        message = {"role": "assistant", "content": None, "refusal": "I will not."}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})

    upstream.behaviours = [refuse, refuse]
    _, answer = await api.call("POST", "/v1/chat/completions", HELLO)
    message = answer["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == ("I will not.", "I will not.")
    assert answer["usage"] is None
    _, answer = await api.call("POST", "/v1/responses", ASKED)
    assert answer["output"][0]["content"] == [{"type": "refusal", "refusal": "I will not."}]


async def test_tool_calls_are_the_agent_s_own_business(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, tools=[FakeTool(say=echo)]) as api:
        for path, body in (("/v1/chat/completions", HELLO), ("/v1/responses", ASKED)):
            upstream.behaviours = [calling(called("say", '{"text": "x"}', id="c1"))]
            assert "tool" not in str(await events(api, path, body)).replace("tool_c", "").replace("tools", "")
    assert len(upstream.bodies) == 4


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", HELLO), ("/v1/responses", ASKED)])
@pytest.mark.parametrize(
    ("changed", "status", "param"),
    [
        ({"model": "gpt-5"}, 404, "model"),
        ({"model": None}, 400, "model"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"messages": [], "input": []}, 400, None),
        ({"messages": 1, "input": 1}, 400, None),
        ({"messages": [{"content": "a"}], "input": [{"content": "a"}]}, 400, None),
    ],
)
async def test_what_is_wrong_is_told_in_openai_s_shape(
    api: Api,
    upstream: Upstream,
    path: str,
    body: dict[str, Any],
    changed: dict[str, Any],
    status: int,
    param: str | None,
) -> None:
    found, answer = await api.call("POST", path, {**body, **changed})
    assert found == status
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert param is None or answer["error"]["param"] == param
    assert not upstream.bodies


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_other_mistakes_have_the_same_shape(api: Api, path: str) -> None:
    for status, answer in (
        await api.call("POST", path, b"{"),
        await api.call("POST", path, b"x" * 5_000_000),
        await api.call("POST", path, HELLO, name="stranger"),
        await api.call("PUT", path),
        await api.call("GET", "/v1/nothing"),
        await api.call("POST", path, {**HELLO, **ASKED}, headers={"Gagarin-Depth": "6"}),
    ):
        assert status in (400, 413, 403, 405, 404)
        assert set(answer["error"]) == {"message", "type", "param", "code"}
    async with api.session.post(api.url + path) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", HELLO), ("/v1/responses", ASKED)])
async def test_a_provider_that_fails_before_the_first_token_is_a_status(
    api: Api, upstream: Upstream, path: str, body: dict[str, Any]
) -> None:
    for streamed in (False, True):
        upstream.behaviours = [failing(400)]
        status, answer = await api.call("POST", path, {**body, "stream": streamed})
        assert (status, answer["error"]["type"]) == (502, "server_error")


async def test_an_answer_that_breaks_off_ends_with_an_error(api: Api, upstream: Upstream) -> None:
    upstream.proceed.set()
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed, cut=True) for _ in range(2)]
    *_, error, _ = await events(api, "/v1/chat/completions", HELLO)
    assert error["error"]["code"] == "provider-failed"
    *_, failed = await events(api, "/v1/responses", ASKED)
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["code"] == "server_error"
    assert [line["problem"] for line in api.log("access")] == ["provider-failed"] * 2


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", HELLO), ("/v1/responses", ASKED)])
async def test_a_client_that_goes_away_stops_the_model_call(
    api: Api, upstream: Upstream, path: str, body: dict[str, Any]
) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    async with api.post(path, {**body, "stream": True}) as response:
        await response.content.readuntil(b"Good")
        response.close()
    await happens(upstream.abandoned)


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", HELLO), ("/v1/responses", ASKED)])
async def test_a_long_silence_is_bridged(
    api: Api, upstream: Upstream, path: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 0.05)
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    async with api.post(path, {**body, "stream": True}) as response:
        async with asyncio.timeout(60):
            await response.content.readuntil(b"\n\n:\n\n:\n\n")


async def test_what_is_left_aside_is_named_in_the_answer(api: Api) -> None:
    async with api.post("/v1/chat/completions", {**HELLO, "temperature": 0, "max_tokens": 5}) as response:
        assert response.headers["Gagarin-Ignored"] == "temperature, max_tokens"


async def test_the_instance_is_the_only_model(api: Api) -> None:
    model = {"id": "helper", "object": "model", "created": 0, "owned_by": "team-a"}
    assert await api.call("GET", "/v1/models") == (200, {"object": "list", "data": [model]})
    assert await api.call("GET", "/v1/models/helper") == (200, model)
    assert (await api.call("GET", "/v1/models/other"))[0] == 404
    assert (await api.call("GET", "/v1/models", name="stranger"))[0] == 403


async def test_these_chats_count_like_others(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, limits=Limits(max_concurrent_chats=1)) as api:
        upstream.behaviours = [silent(upstream.proceed)]
        first = asyncio.create_task(api.call("POST", "/v1/chat/completions", HELLO))
        await upstream.asked.wait()
        async with api.post("/v1/responses", ASKED) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
        upstream.proceed.set()
        assert (await first)[0] == 200


async def test_a_long_dialogue_is_taken(api: Api) -> None:
    said = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": "x" * 30_000} for number in range(21)
    ]
    assert (await api.call("POST", "/v1/chat/completions", {**HELLO, "messages": said}))[0] == 200


async def test_one_piece_of_finish_is_enough(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(FINISH, DONE))]
    *chunks, _ = await events(api, "/v1/chat/completions", HELLO)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [{"role": "assistant", "content": ""}, {}]
