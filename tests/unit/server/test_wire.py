"""What is sent to a model, and what is made of its replies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.config import ModelTarget, Provider, ProviderType
from gagarin.server import wire
from gagarin.server.wire import Message, Nonsense, Reply, Request, Usage
from tests.unit.server.upstream import FINISH, USAGE, USED, completion, piece

HELLO = [Message("user", "Hello")]


def sent(*, stream: bool, kind: ProviderType = "OpenAI", **changed: Any) -> dict[str, Any]:
    provider = Provider(name="p", namespace="n", type=kind, url="http://localhost/v1")
    schema = changed.pop("schema", None)
    target = ModelTarget(provider=provider, model="small", **changed)
    body: dict[str, Any] = msgspec.json.decode(Request(target, schema).body(HELLO, stream=stream))
    return body


def test_a_request_has_the_model_the_messages_and_the_parameters() -> None:
    assert sent(stream=False, params={"temperature": 0.5}) == {
        "model": "small",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5,
    }


def test_a_streamed_request_asks_for_the_usage() -> None:
    body = sent(stream=True)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_mistral_is_not_asked_for_the_usage_because_it_refuses_that() -> None:
    assert "stream_options" not in sent(stream=True, kind="Mistral")


def test_parameters_cannot_replace_what_the_server_sends() -> None:
    params = dict.fromkeys(wire.RESERVED, "mine")
    assert sent(stream=False, params=params) == sent(stream=False)


def test_a_response_schema_is_asked_for() -> None:
    schema = {"type": "object"}
    assert sent(stream=False, schema=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema},
    }


def test_an_encoded_message_is_sent_as_it_is() -> None:
    target = ModelTarget(provider=Provider(name="p", namespace="n", type="OpenAI", url="u"), model="m")
    body = Request(target).body([wire.message("system", "Be kind.")], stream=False)
    assert msgspec.json.decode(body)["messages"] == [{"role": "system", "content": "Be kind."}]


def test_a_whole_reply_has_text_and_usage() -> None:
    reply = wire.completion(msgspec.json.encode(completion("Good day.")))
    assert reply == Reply("Good day.", Usage(7, 3, 10))


@pytest.mark.parametrize(
    ("message", "text"),
    [({"content": None}, ""), ({}, ""), ({"content": None, "refusal": "I will not."}, "I will not.")],
)
def test_a_reply_without_content_is_empty_or_the_refusal(message: dict[str, Any], text: str) -> None:
    reply = wire.completion(msgspec.json.encode({"choices": [{"message": message}]}))
    assert reply == Reply(text, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":{"content":1}}]}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"choices":[{"message":{"content":"\\ud800"}}]}',
    ],
)
def test_anything_else_is_nonsense(body: bytes) -> None:
    with pytest.raises(Nonsense):
        wire.completion(body)


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"[]", b'{"choices":1}', b'{"choices":[{"delta":{"content":"\xff"}}]}']
)
def test_an_event_that_is_no_chunk_is_nonsense(data: bytes) -> None:
    with pytest.raises(Nonsense):
        wire.chunk(data)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_worse_than_nonsense(data: bytes) -> None:
    for read in (wire.chunk, wire.completion):
        try:
            read(data)
        except Nonsense:
            continue
    wire.error_code(data)


def test_a_chunk_has_a_piece_of_text() -> None:
    chunk = wire.chunk(msgspec.json.encode(piece("Good")))
    assert (chunk.text, chunk.finished, chunk.usage) == ("Good", False, None)


def test_the_last_chunks_have_the_end_and_the_usage() -> None:
    assert wire.chunk(msgspec.json.encode(FINISH)).finished
    used = wire.chunk(msgspec.json.encode(USED))
    assert (used.text, used.finished, wire.usage_of(used.usage)) == ("", False, Usage(**USAGE))


@pytest.mark.parametrize(
    ("counted", "usage"),
    [
        (None, None),
        ({}, Usage()),
        ({"prompt_tokens": 7.0, "extra": {}}, Usage(prompt_tokens=7)),
        ({"prompt_tokens": None}, None),
        ("many", None),
    ],
)
def test_a_usage_that_cannot_be_read_does_not_spoil_the_answer(counted: object, usage: Usage | None) -> None:
    reply = wire.completion(msgspec.json.encode({**completion("Good day."), "usage": counted}))
    assert reply == Reply("Good day.", usage)


@pytest.mark.parametrize(
    "delta", [None, {}, {"role": "assistant", "content": ""}, {"content": None}, {"tool_calls": []}]
)
def test_a_chunk_may_hold_no_text(delta: object) -> None:
    assert wire.chunk(msgspec.json.encode({"choices": [{"delta": delta}]})).text == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, "rate_limit_exceeded"),
        ({"error": {"code": None, "type": "server_error"}}, "server_error"),
        ({"error": {"code": 429}}, "429"),
        ({"error": {"code": "sk-abc def"}}, None),
        ({"error": {"code": "x" * 65}}, None),
        ({"error": {}}, None),
        ({"error": "text"}, None),
        ("<html>", None),
    ],
)
def test_the_code_of_an_error_is_a_short_plain_word_or_nothing(body: object, code: str | None) -> None:
    assert wire.error_code(msgspec.json.encode(body)) == code
