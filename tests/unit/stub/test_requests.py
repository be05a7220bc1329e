from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.stub.errors import ApiError
from gagarin.stub.requests import EmbeddingRequest, decode, decode_chat

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOOL = {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


def test_the_text_of_a_message_is_that_of_its_parts() -> None:
    parts = [
        {"type": "text", "text": "a "},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "b"},
    ]
    assert decode_chat(body(messages=[{"role": "user", "content": parts}])).messages[0].text == "a b"


def test_fields_that_are_not_known_are_ignored() -> None:
    assert decode_chat(body(temperature=1, new_thing={})).model == "m"


def test_max_completion_tokens_comes_before_max_tokens() -> None:
    assert decode_chat(body(max_tokens=9, max_completion_tokens=2)).token_limit == 2


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        (b"{}", "model"),
        (b'{"model": 1}', "model"),
        (body(messages=[]), "messages"),
        (body(messages=[{"role": "usr", "content": ""}]), "messages[0].role"),
        (body(messages=[{"content": ""}]), "messages[0].role"),
        (body(n=2), "n"),
        (body(max_tokens=0), "max_tokens"),
        (body(stream_options={"include_usage": True}), "stream_options"),
        (body(messages=[USER, TOOL]), "messages[1]"),
        (body(messages=[USER, ASSISTANT]), "messages[1]"),
        (body(messages=[USER, ASSISTANT, USER]), "messages[2]"),
        (body(messages=[USER, ASSISTANT, TOOL, TOOL]), "messages[3]"),
        (b"[1]", None),
        (b"{", None),
        (b"", None),
        (b'"\xff"', None),
        (b"[" * 100_000, None),
    ],
)
def test_a_wrong_request_is_named_by_its_field(request_body: bytes, param: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        decode_chat(request_body)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_tool_calls_that_are_answered_are_taken() -> None:
    assert len(decode_chat(body(messages=[USER, ASSISTANT, TOOL, USER])).messages) == 4


@given(st.binary())
def test_any_bytes_are_a_request_or_an_api_error(data: bytes) -> None:
    with contextlib.suppress(ApiError):
        decode_chat(data)


@pytest.mark.parametrize(
    ("given_input", "texts"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], ["1 2"]), ([[1, 2], [3]], ["1 2", "3"])],
)
def test_inputs_of_all_shapes_become_texts(given_input: Any, texts: list[str]) -> None:
    request = json.dumps({"model": "m", "input": given_input}).encode()
    assert decode(request, EmbeddingRequest).texts() == texts


@pytest.mark.parametrize("given_input", ["", [], [""], ["a", ""], [[]], [1, "a"], ["a"] * 2049])
def test_an_input_without_sense_is_refused(given_input: Any) -> None:
    request = json.dumps({"model": "m", "input": given_input}).encode()
    with pytest.raises(ApiError) as caught:
        decode(request, EmbeddingRequest).texts()
    assert (caught.value.status, caught.value.param) == (400, "input")
