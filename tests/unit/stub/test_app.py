"""The protocol as the official client sees it, and bad input as anybody may send it."""

from __future__ import annotations

import io
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from gagarin.stub import app, record
from gagarin.stub.keys import Keys
from gagarin.stub.rules import Match, Reply, Rule, Script
from tests.unit.stub.conftest import Running, Start

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL_WEATHER = """[stub tool_calls='[{"name": "weather", "arguments": {"city": "Oslo"}}]']"""


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


async def test_a_plain_chat_is_answered(stub: Running) -> None:
    answer = await stub.openai.chat.completions.create(model="m-1", messages=user("Hello there"))
    assert answer.choices[0].message.content == (
        'You said: "Hello there". I am the model m-1, without instructions; '
        f"I was sent 0 earlier messages and the key {record.fingerprint('key-1')}."
    )
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 2


async def test_a_stream_says_the_same_and_its_usage(stub: Running) -> None:
    stream = await stub.openai.chat.completions.create(
        model="m",
        messages=user("Hi [stub content='one two  three']"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two  three"
    )
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


async def test_the_clients_own_accumulator_understands_streamed_tool_calls(stub: Running) -> None:
    async with stub.openai.chat.completions.stream(
        model="m", messages=user(CALL_WEATHER), tools=[WEATHER]
    ) as stream:
        final = await stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Oslo"}')
    assert final.choices[0].finish_reason == "tool_calls"


async def test_a_tool_loop_ends_with_the_tools_answer(stub: Running) -> None:
    messages = user(CALL_WEATHER)
    first = await stub.openai.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
    (call,) = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assistant: Any = first.choices[0].message.to_dict()
    messages += [assistant, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = await stub.openai.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
    assert (second.choices[0].message.content or "").startswith('The tool said: "sunny".')


async def test_models_are_listed_and_shown(start: Start) -> None:
    stub = await start(Script(models=("a", "org/b")))
    assert [model.id async for model in stub.openai.models.list()] == ["a", "org/b"]
    assert (await stub.openai.models.retrieve("org/b")).owned_by == "stub"
    with pytest.raises(openai.NotFoundError) as caught:
        await stub.openai.chat.completions.create(model="c", messages=user("x"))
    assert caught.value.code == "model_not_found"


async def test_embeddings_are_the_same_in_both_encodings(stub: Running) -> None:
    packed = await stub.openai.embeddings.create(model="e", input=["red dog", "dog"], dimensions=8)
    plain = await stub.openai.embeddings.create(
        model="e", input=["red dog", "dog"], dimensions=8, encoding_format="float"
    )
    assert [item.index for item in plain.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding)
    assert plain.usage.prompt_tokens == 3


async def test_embeddings_have_openais_default_dimensions(stub: Running) -> None:
    answer = await stub.openai.embeddings.create(model="e", input="red dog")
    assert len(answer.data[0].embedding) == 1536


async def test_a_rule_can_fail_embeddings_and_leave_chats_alone(start: Start) -> None:
    failing = Rule(match=Match(route="embeddings", message="bad"), reply=Reply(status=503))
    stub = await start(Script(rules=(failing,)))
    with pytest.raises(openai.InternalServerError):
        await stub.openai.embeddings.create(model="e", input="bad")
    await stub.openai.embeddings.create(model="e", input="good")
    await stub.openai.chat.completions.create(model="e", messages=user("bad"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_the_header_chooses_an_error(
    stub: Running, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error, match="told to answer") as caught:
        await stub.openai.chat.completions.create(
            model="m", messages=user("x"), extra_headers={"Stub-Reply": f"status={status} retry_after=2.5"}
        )
    assert caught.value.response.headers["Retry-After"] == "2.5"


async def test_the_official_client_retries_what_fails_once(stub: Running) -> None:
    client = stub.openai.with_options(max_retries=1)
    message = user("x [stub status=429 retry_after=0 times=1 message=slow]")
    answer = await client.chat.completions.create(model="m", messages=message)
    assert answer.choices[0].finish_reason == "stop"


async def test_another_key_is_refused(start: Start) -> None:
    stub = await start(keys=Keys(frozenset({"key-2"})))
    with pytest.raises(openai.AuthenticationError) as caught:
        await stub.openai.models.list()
    assert caught.value.code == "invalid_api_key"
    await stub.openai.with_options(api_key="key-2").models.list()


async def test_the_record_shows_the_request_and_hides_the_key(stub: Running) -> None:
    await stub.openai.chat.completions.create(model="m", messages=user("Hello"))
    async with stub.http.get("/requests") as response:
        text = await response.text()
        (entry,) = (await response.json())["requests"]
    assert (entry["method"], entry["path"]) == ("POST", "/v1/chat/completions")
    assert entry["body"]["messages"] == user("Hello")
    assert entry["headers"]["authorization"] == record.fingerprint("key-1")
    assert "key-1" not in text


async def test_clearing_the_record_resets_the_rules(start: Start) -> None:
    stub = await start(Script(rules=(Rule(reply=Reply(content="once"), times=1),)))
    for _ in range(2):
        answer = await stub.openai.chat.completions.create(model="m", messages=user("x"))
        assert answer.choices[0].message.content == "once"
        async with stub.http.delete("/requests") as response:
            assert response.status == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"\xff\xfe", 400),
        ("POST", "/v1/chat/completions", b'{"model": "m", "messages": "hi"}', 400),
        ("POST", "/v1/embeddings", b'{"model": "m"}', 400),
        ("GET", "/v1/chat/completions", b"", 404),
        ("POST", "/v2/chat", b"", 404),
    ],
)
async def test_bad_input_gets_an_error_in_openais_shape(
    stub: Running, method: str, path: str, body: bytes, status: int
) -> None:
    async with stub.http.request(method, path, data=body) as response:
        error = (await response.json())["error"]
        assert response.status == status
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]


async def test_a_body_that_is_too_large_gets_an_error_in_openais_shape(stub: Running) -> None:
    large = io.BytesIO(bytes(app.MAX_BODY_BYTES + 1))
    async with stub.http.post("/v1/chat/completions", data=large) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "request_too_large"


async def test_a_directive_that_is_wrong_is_named(stub: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="tokns"):
        await stub.openai.chat.completions.create(model="m", messages=user("[stub tokns=3]"))
