from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from gagarin.stub import tokens
from gagarin.stub.answers import Answer, Call
from gagarin.stub.chunks import DONE, Stream


def stream(
    text: str = "", calls: list[Call] | None = None, *, model: str = "m", usage: bool = False
) -> Stream:
    return Stream(Answer("id-1", 1000, model, tokens.split(text), calls or [], "stop", 5), usage)


def chunks(data: bytes) -> list[dict[str, Any]]:
    assert data.endswith(b"\n\n")
    return [msgspec.json.decode(item.removeprefix(b"data: ")) for item in data[:-2].split(b"\n\n")]


@example("hello", "model@vendor", True)
@given(st.text(), st.text(), st.booleans())
def test_the_chunks_join_to_the_text(text: str, model: str, usage: bool) -> None:
    subject = stream(text, model=model, usage=usage)
    if subject.deltas:
        decoded = chunks(subject.join(subject.deltas))
        assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in decoded) == text
        assert {chunk["model"] for chunk in decoded} == {model}
        assert all(("usage" in chunk) is usage for chunk in decoded)


def test_long_arguments_come_in_several_pieces() -> None:
    assert len(stream(calls=[Call("c1", "w", "x" * 17)]).deltas) == 1 + 3


@given(st.text(), st.text(min_size=1))
def test_the_pieces_of_a_tool_call_join_to_its_arguments(arguments: str, name: str) -> None:
    subject = stream(calls=[Call("c1", name, arguments)])
    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks(subject.join(subject.deltas))]
    assert "".join(call["function"]["arguments"] for call in calls) == arguments
    assert (calls[0]["id"], calls[0]["type"], calls[0]["function"]["name"]) == ("c1", "function", name)
    assert not any("id" in call for call in calls[1:])


def test_several_tool_calls_are_told_apart_by_index() -> None:
    subject = stream(calls=[Call("a", "x", ""), Call("b", "y", "")])
    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks(subject.join(subject.deltas))]
    assert [(call["index"], call["id"]) for call in calls] == [(0, "a"), (1, "b")]


def test_a_stream_opens_with_the_role_and_closes_with_the_reason() -> None:
    subject = stream("hello")
    assert chunks(subject.opening)[0]["choices"][0]["delta"]["role"] == "assistant"
    (last,) = chunks(subject.closing.removesuffix(DONE))
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")


def test_the_usage_comes_last_and_without_a_choice() -> None:
    last = chunks(stream("a b", usage=True).closing.removesuffix(DONE))[-1]
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
