from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gagarin.stub import answers
from gagarin.stub.requests import ChatRequest
from gagarin.stub.rules import Reply, ToolCall


def chat(*messages: tuple[str, str], **fields: Any) -> ChatRequest:
    items = [{"role": role, "content": content} for role, content in messages or [("user", "Hi there")]]
    return msgspec.convert({"model": "m-1", "messages": items, **fields}, ChatRequest)


def answer(request: ChatRequest, reply: Reply | None = None) -> answers.Answer:
    return answers.compose(request, reply or Reply(), "the key sha256:abc", 7, 1000)


def test_the_default_answer_shows_what_arrived() -> None:
    said = answers.describe(
        chat(("system", "You are kind."), ("user", "One"), ("assistant", "Two"), ("user", "Three")),
        "the key K",
    )
    assert said == (
        'You said: "Three". I am the model m-1, instructed with "You are kind."; '
        "I was sent 2 earlier messages and the key K."
    )


def test_the_default_answer_to_a_bare_request_says_what_is_missing() -> None:
    assert answers.describe(chat(), None).endswith(
        "without instructions; I was sent 0 earlier messages and no key."
    )


def test_long_instructions_are_shortened() -> None:
    said = answers.describe(chat(("developer", "w " * 40), ("user", "x")), None)
    assert f'"{" ".join("w" * 12)}..."' in said


def test_the_answer_to_a_tool_shows_what_the_tool_said() -> None:
    assert answers.describe(chat(("user", "x"), ("tool", "sunny")), None).startswith(
        'The tool said: "sunny".'
    )


def test_tokens_are_counted_on_both_sides() -> None:
    assert answer(chat(("system", "a b"), ("user", "c")), Reply(content="x y z")).usage == {
        "prompt_tokens": 3,
        "completion_tokens": 3,
        "total_tokens": 6,
    }


def test_the_token_limit_cuts_the_answer() -> None:
    cut = answer(chat(max_tokens=2), Reply(content="one two three"))
    assert ("".join(cut.tokens), cut.finish_reason) == ("one two", "length")


def test_an_answer_as_long_as_the_limit_is_whole() -> None:
    assert answer(chat(max_tokens=3), Reply(content="one two three")).finish_reason == "stop"


@pytest.mark.parametrize(
    ("arguments", "text"), [({"city": "Oslo"}, '{"city":"Oslo"}'), ("{broken", "{broken")]
)
def test_tool_calls_are_encoded_as_openai_does(arguments: Any, text: str) -> None:
    called = answer(chat(), Reply(tool_calls=(ToolCall("weather", arguments),)))
    choice = msgspec.json.decode(answers.encode(called))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "call_stub_7_0", "type": "function", "function": {"name": "weather", "arguments": text}}
    ]


def test_the_finish_reason_can_be_told() -> None:
    assert (
        answer(chat(), Reply(content="x", finish_reason="content_filter")).finish_reason == "content_filter"
    )
