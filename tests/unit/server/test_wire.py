"""What is sent to a model, and what is made of its replies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.config import ModelTarget, Provider, ProviderType
from gagarin.server import wire
from gagarin.server.toolcalls import MAX_CALLS, Call
from gagarin.server.wire import Message, Nonsense, Offer, Reply, Request, Usage
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
    assert (reply.text, reply.finish) == (text, "refusal" if text else "stop")


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
        wire.chunks([data])
    with pytest.raises(Nonsense):
        wire.chunks([msgspec.json.encode(FINISH), data])


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_worse_than_nonsense(data: bytes) -> None:
    for read in (wire.completion, lambda one: wire.chunks([one]), lambda one: wire.chunks([one, one])):
        try:
            read(data)
        except Nonsense:
            continue
    wire.error_code(data)


def said(event: object) -> str | None:
    """The text in an event; None: there is no message in it."""
    (found,) = wire.chunks([msgspec.json.encode(event)])
    delta = found.choices[0].delta if found.choices else None
    return None if delta is None else delta.text


def test_events_of_one_read_are_decoded_together() -> None:
    first, finish, used = wire.chunks([msgspec.json.encode(one) for one in (piece("Good"), FINISH, USED)])
    assert first.choices[0].delta is not None
    assert (first.choices[0].delta.text, first.choices[0].finish_reason, first.usage) == ("Good", None, None)
    assert finish.choices[0].finish_reason == "stop"
    assert (used.choices, wire.usage_of(used.usage)) == ([], Usage(**USAGE))


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
    assert not said({"choices": [{"delta": delta}]})


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


def test_a_content_in_parts_is_their_text() -> None:
    content = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Good"}, {"text": " day."}]
    assert said({"choices": [{"delta": {"content": content}}]}) == "Good day."


def test_a_reply_may_call_tools_and_the_legacy_way_is_ignored() -> None:
    message = {
        "content": None,
        "function_call": {"name": "old", "arguments": "{}"},
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}],
    }
    reply = wire.completion(msgspec.json.encode({"choices": [{"message": message}]}))
    assert reply.calls == (Call("a", "f", '{"x":1}'),)


def test_a_reply_with_too_many_calls_is_nonsense() -> None:
    message = {"tool_calls": [{"function": {"name": "f"}}] * (MAX_CALLS + 1)}
    with pytest.raises(Nonsense):
        wire.completion(msgspec.json.encode({"choices": [{"message": message}]}))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        (None, "stop"),
        ("eos", "stop"),
        ("LENGTH", "length"),
        ("max_tokens", "length"),
        ("safety", "content_filter"),
    ],
)
def test_the_many_words_for_an_end_are_made_few(reason: str | None, finish: str) -> None:
    assert wire.finish_of(reason, refused=False) == finish


def test_functions_are_offered_only_when_there_are_some() -> None:
    target = ModelTarget(provider=Provider(name="p", namespace="n", type="OpenAI", url="u"), model="m")
    function = wire.definition("f", "Does it.", {"type": "object"})
    body = msgspec.json.decode(Request(target).body(HELLO, stream=False, offer=Offer((function,))))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "Does it.", "parameters": {"type": "object"}},
        }
    ]
    assert "tool_choice" not in body
    assert "tools" not in msgspec.json.decode(Request(target).body(HELLO, stream=False, offer=Offer()))


def test_usages_add_up() -> None:
    assert Usage(1, 2, 3) + Usage(10, 20, 30) == Usage(11, 22, 33)
