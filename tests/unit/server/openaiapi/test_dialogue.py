"""What clients of OpenAI's protocol send becomes a dialogue, or is refused with the place named."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.config import Limits
from gagarin.server import body
from gagarin.server.openaiapi import completions, dialogue, responses
from gagarin.server.openaiapi.completions import CompletionRequest
from gagarin.server.openaiapi.dialogue import DialogueMessage
from gagarin.server.openaiapi.responses import ResponseRequest
from gagarin.server.turns import Dialogue, Origin
from gagarin.server.wire import Message
from gagarin.serving.errors import Problem

LIMITS = Limits(max_input_chars=30, max_history_messages=3)


def read(*messages: dict[str, Any], context: str = "") -> Dialogue:
    parsed = msgspec.convert(messages, list[DialogueMessage])
    return dialogue.read(parsed, "messages", LIMITS, Origin(), context)


def refusal(*messages: dict[str, Any], **options: str) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        read(*messages, **options)
    return caught.value.status, caught.value.errors[0][0]


def says(role: str, content: Any = "Hello", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_user_and_assistant_are_the_dialogue_and_the_client_s_system_messages_its_context() -> None:
    found = read(
        says("system", "Be brief."),
        says("user", "one", name="jane"),
        says("assistant", "two"),
        says("developer", "Be kind."),
        says("user", "three"),
        context="First.",
    )
    assert found.messages == [Message("user", "one"), Message("assistant", "two"), Message("user", "three")]
    assert found.context == "First.\n\nBe brief.\n\nBe kind."


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_parts_of_text_are_joined(kind: str) -> None:
    parts = [{"type": kind, "text": "a"}, {"type": kind, "text": "b"}, {"type": kind}]
    assert read(says("user", parts)).messages == [Message("user", "ab")]


def test_a_refusal_of_the_assistant_is_what_it_said_and_a_message_that_says_nothing_is_left_out() -> None:
    refused = [{"type": "refusal", "refusal": "No."}]
    found = read(says("user", ""), says("assistant", refused), says("assistant", None), says("user", "Why?"))
    assert found.messages == [Message("assistant", "No."), Message("user", "Why?")]


def test_the_newest_messages_count_as_those_of_a_stored_conversation() -> None:
    said = [says("user" if number % 2 == 0 else "assistant", str(number)) for number in range(9)]
    assert [message.content for message in read(*said).messages] == ["5", "6", "7", "8"]


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([says("assistant")], "#/messages"),
        ([says("user", "")], "#/messages"),
        ([says("user"), says("user", " ")], "#/messages"),
        ([says("user"), says("system", "Be brief.")], "#/messages"),
        ([says("user", "x" * 31), says("user")], "#/messages/0/content"),
        ([says("system", "x" * 31), says("user")], "#/messages"),
        ([says("tool")], "#/messages/0/role"),
        ([says("user"), says("function")], "#/messages/1/role"),
        ([says("assistant", None, tool_calls=[{"id": "1"}]), says("user")], "#/messages/0/tool_calls"),
        ([says("assistant", None, function_call={"name": "f"}), says("user")], "#/messages/0/tool_calls"),
        ([says("user", [{"type": "image_url", "image_url": {}}])], "#/messages/0/content/0/type"),
        (
            [says("user", [{"type": "text", "text": "a"}, {"type": "input_file"}])],
            "#/messages/0/content/1/type",
        ),
        ([says("user", type="function_call_output")], "#/messages/0/type"),
    ],
)
def test_what_is_not_possible_is_named(messages: list[dict[str, Any]], place: str) -> None:
    status, found = refusal(*messages)
    assert status in (400, 422)
    assert found == place


def test_an_answer_of_the_agent_may_be_longer_than_a_question() -> None:
    dialogue = read(says("user"), says("assistant", "x" * 1000), says("user"))
    assert len(dialogue.messages) == 3


COMPLETION = {"model": "helper", "messages": [says("user")]}
RESPONSE = {"model": "helper", "input": "Hello"}


@pytest.mark.parametrize(
    "field",
    [
        {"tools": [{"type": "function"}]},
        {"functions": [{"name": "f"}]},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function"}},
        {"function_call": {"name": "f"}},
        {"n": 2},
        {"n": 0},
        {"response_format": {"type": "json_object"}},
        {"modalities": ["text", "audio"]},
        {"audio": {"voice": "alloy"}},
        {"logprobs": True},
        {"top_logprobs": 5},
        {"web_search_options": {"a": 1}},
    ],
    ids=lambda field: str(field),
)
def test_a_completion_that_asks_for_what_is_not_given_is_refused(field: dict[str, Any]) -> None:
    asked = msgspec.convert({**COMPLETION, **field}, CompletionRequest)
    with pytest.raises(Problem) as caught:
        dialogue.refuse(asked, completions.LIMITED)
    assert (caught.value.status, caught.value.errors[0][0]) == (400, f"#/{next(iter(field))}")


@pytest.mark.parametrize(
    "field",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"background": True},
        {"prompt": {"id": "p"}},
        {"tools": [{"type": "web_search"}]},
        {"tool_choice": "required"},
        {"text": {"format": {"type": "json_schema"}}},
        {"top_logprobs": 1},
    ],
    ids=lambda field: str(field),
)
def test_a_response_that_asks_for_what_is_not_given_is_refused(field: dict[str, Any]) -> None:
    asked = msgspec.convert({**RESPONSE, **field}, ResponseRequest)
    with pytest.raises(Problem) as caught:
        responses.refuse(asked)
    assert caught.value.errors[0][0].startswith(f"#/{next(iter(field))}")


def test_what_clients_send_without_meaning_anything_by_it_is_taken() -> None:
    nothing = {
        "tools": [],
        "tool_choice": "auto",
        "n": 1,
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "logprobs": False,
        "top_logprobs": None,
    }
    dialogue.refuse(msgspec.convert({**COMPLETION, **nothing}, CompletionRequest), completions.LIMITED)
    plain = {"tools": [], "tool_choice": "none", "text": {"format": {"type": "text"}, "verbosity": "low"}}
    responses.refuse(msgspec.convert({**RESPONSE, **plain}, ResponseRequest))


def test_what_is_left_aside_is_named() -> None:
    text = msgspec.json.encode({**COMPLETION, "temperature": 0.2, "seed": None, "max_tokens": 5, "n": 1})
    asked = body.decoded(msgspec.json.Decoder(CompletionRequest), text)
    assert dialogue.ignored(text, asked) == {"Gagarin-Ignored": "temperature, max_tokens"}
    assert dialogue.ignored(msgspec.json.encode(COMPLETION), asked) == {}


def test_names_that_are_no_names_do_not_get_into_a_header() -> None:
    odd = {"a\r\nSet-Cookie: b": 1, "ä": 1, "": 1, "x" * 65: 1, **{f"f{number}": 1 for number in range(99)}}
    text = msgspec.json.encode({**COMPLETION, **odd})
    asked = body.decoded(msgspec.json.Decoder(CompletionRequest), text)
    named = dialogue.ignored(text, asked)["Gagarin-Ignored"].split(", ")
    assert named == [f"f{number}" for number in range(dialogue.MAX_IGNORED)]


def test_a_name_that_is_not_utf_8_is_the_client_s_mistake() -> None:
    text = msgspec.json.encode(COMPLETION)[:-1] + b',"\xff":1}'
    asked = body.decoded(msgspec.json.Decoder(CompletionRequest), text)
    with pytest.raises(Problem) as caught:
        dialogue.ignored(text, asked)
    assert caught.value.status == 400


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | _json, "content": _json},
        optional={"tool_calls": _json, "type": _json},
    ),
    max_size=4,
)


@given(
    st.fixed_dictionaries(
        {"model": st.just("helper"), "messages": _messages},
        optional=dict.fromkeys(completions.LIMITED, _json),
    )
)
def test_whatever_is_sent_is_a_dialogue_or_a_problem(request: dict[str, Any]) -> None:
    with suppress(Problem):
        asked = body.decoded(msgspec.json.Decoder(CompletionRequest), msgspec.json.encode(request))
        dialogue.refuse(asked, completions.LIMITED)
        found = dialogue.read(asked.messages, "messages", LIMITS, Origin())
        assert found.messages[-1].role == "user"
        assert found.messages[-1].content
