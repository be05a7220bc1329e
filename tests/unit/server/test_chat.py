"""Chats: what the model is given, what is kept, who waits, what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.chat import alternating
from gagarin.server.provider import ModelClient
from gagarin.server.turns import Dialogue, Idempotency, Question
from gagarin.server.wire import Message, Usage
from gagarin.serving.errors import Problem
from tests.unit.server.providing import model_at
from tests.unit.server.turning import SYSTEM, Recorder, Rig
from tests.unit.server.upstream import Upstream, answering, failing, piece, silent, sse, writing
from tests.unit.server.waiting import happens, until

HELLO = Question("Hello")


@pytest.fixture
async def model(upstream: Upstream, tmp_path: Path) -> AsyncIterator[ModelClient]:
    async with model_at(upstream.url, tmp_path) as client:
        yield client


@pytest.fixture
async def rig(model: ModelClient, tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path, [model]) as made:
        yield made


async def problem_of(call: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await call
    return caught.value


async def test_the_model_gets_the_prompt_the_past_and_the_question(rig: Rig, upstream: Upstream) -> None:
    _, conversation = await rig.chats.complete(rig.caller(), HELLO)
    _, second = await rig.chats.complete(rig.caller(), Question("And now?", conversation))
    assert second == conversation
    assert upstream.bodies[1]["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": "And now?"},
    ]
    assert await rig.kept(conversation) == [
        ("user", "Hello"),
        ("assistant", "Good day."),
        ("user", "And now?"),
        ("assistant", "Good day."),
    ]


async def test_a_streamed_answer_is_passed_on_and_kept(rig: Rig) -> None:
    output = Recorder()
    await rig.chats.stream(rig.caller(), HELLO, output)
    first, *texts, last = output.events  # texts that arrive together are one
    assert (first, "".join(map(str, texts)), last) == ("begin", "Good day.", "end")
    assert output.answered is not None
    assert output.answered.usage == Usage(7, 3, 10)
    assert await rig.kept(output.conversation) == [("user", "Hello"), ("assistant", "Good day.")]
    text = rig.metrics.text()
    assert b'gagarin_chat_tokens_total{kind="prompt",model="small"} 7.0' in text
    assert b'gagarin_chat_tokens_total{kind="completion",model="small"} 3.0' in text
    assert b"gagarin_chat_streams 0.0" in text
    assert b"gagarin_chat_first_token_seconds_count 1.0" in text


async def test_a_question_is_kept_when_the_model_fails(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [failing(400)]
    problem = await problem_of(rig.chats.complete(rig.caller(), HELLO))
    assert (problem.status, problem.slug) == (502, "provider-failed")
    assert "team-a/openai" in problem.detail
    assert await rig.kept(await rig.only_conversation()) == [("user", "Hello")]


async def test_half_an_answer_is_not_kept(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed, cut=True)]
    output = Recorder()
    streaming = asyncio.create_task(rig.chats.stream(rig.caller(), HELLO, output))
    await upstream.asked.wait()
    upstream.proceed.set()
    assert (await problem_of(streaming)).status == 502
    assert output.events == ["begin", "Good"]
    assert await rig.kept(output.conversation) == [("user", "Hello")]


async def test_the_next_question_is_joined_to_one_that_was_never_answered(
    rig: Rig, upstream: Upstream
) -> None:
    upstream.behaviours = [failing(400)]
    await problem_of(rig.chats.complete(rig.caller(), HELLO))
    conversation = await rig.only_conversation()
    await rig.chats.complete(rig.caller(), Question("Are you there?", conversation))
    assert upstream.bodies[1]["messages"][1:] == [{"role": "user", "content": "Hello\n\nAre you there?"}]


async def test_an_unknown_conversation_is_a_404(rig: Rig) -> None:
    assert (await problem_of(rig.chats.complete(rig.caller(), Question("Hello", "none")))).status == 404


async def test_questions_to_one_conversation_are_answered_one_after_the_other(
    rig: Rig, upstream: Upstream
) -> None:
    _, conversation = await rig.chats.complete(rig.caller(), Question("one"))
    upstream.behaviours = [silent(upstream.proceed), answering("three too")]
    upstream.asked.clear()
    second = asyncio.create_task(rig.chats.complete(rig.caller(), Question("two", conversation)))
    await upstream.asked.wait()
    third = asyncio.create_task(rig.chats.complete(rig.caller(), Question("three", conversation)))

    async def accepted() -> bool:
        return len(await rig.kept(conversation)) == 4

    await until(accepted)
    assert len(upstream.bodies) == 2
    upstream.proceed.set()
    await asyncio.gather(second, third)
    assert [content for _, content in await rig.kept(conversation)] == [
        "one",
        "Good day.",
        "two",
        "late",
        "three",
        "three too",
    ]
    assert [message["content"] for message in upstream.bodies[2]["messages"]][-3:] == ["two", "late", "three"]


async def test_an_answer_that_takes_too_long_is_a_504_that_says_which_limit(
    model: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    async with Rig(tmp_path, [model], request_timeout=0.05) as rig:
        problem = await problem_of(rig.chats.complete(rig.caller(), HELLO))
    assert (problem.status, problem.slug) == (504, "request-timeout")
    assert "limits.requestTimeout" in problem.detail


async def test_an_answer_ends_when_the_token_does(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    output = Recorder()
    problem = await problem_of(rig.chats.stream(rig.caller(seconds=2.0), HELLO, output))
    assert (problem.status, output.events) == (401, ["begin", "Good"])
    await happens(upstream.abandoned)


@pytest.mark.parametrize("stream", [False, True])
async def test_when_a_model_fails_the_fallbacks_are_asked_in_order(
    upstream: Upstream, tmp_path: Path, *, stream: bool
) -> None:
    upstream.behaviours = [failing(400), failing(404), answering("Here.")]
    async with AsyncExitStack() as stack:
        models = [await stack.enter_async_context(model_at(upstream.url, tmp_path)) for _ in range(4)]
        rig = await stack.enter_async_context(Rig(tmp_path, models))
        output = Recorder()
        if stream:
            await rig.chats.stream(rig.caller(), HELLO, output)
            assert output.text == "Here."
        else:
            assert (await rig.chats.complete(rig.caller(), HELLO))[0].text == "Here."
    assert len(upstream.bodies) == 3


async def test_when_all_models_fail_the_last_failure_is_told(upstream: Upstream, tmp_path: Path) -> None:
    upstream.behaviours = [failing(400), failing(404)]
    async with (
        model_at(upstream.url, tmp_path) as one,
        model_at(upstream.url, tmp_path) as two,
        Rig(tmp_path, [one, two]) as rig,
    ):
        problem = await problem_of(rig.chats.complete(rig.caller(), HELLO))
    assert problem.detail == "provider team-a/openai answered 404"


KEY = Idempotency("k", b"digest")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_repeated_question_gets_the_first_answer_and_no_model_is_asked(
    rig: Rig, upstream: Upstream, *, stream: bool
) -> None:
    first, conversation = await rig.chats.complete(rig.caller(), Question("Hello", None, KEY))
    if stream:
        output = Recorder()
        await rig.chats.stream(rig.caller(), Question("Hello", None, KEY), output)
        assert output.events == ["begin", "Good day.", "end"]
        again, where = output.answered, output.conversation
    else:
        again, where = await rig.chats.complete(rig.caller(), Question("Hello", None, KEY))
    assert (again, where) == (first, conversation)
    assert len(upstream.bodies) == 1


async def test_a_dialogue_is_answered_and_nothing_of_it_is_kept(rig: Rig, upstream: Upstream) -> None:
    messages = [Message("user", "Hello"), Message("assistant", "Good day."), Message("user", "And now?")]
    answered = await rig.chats.complete_dialogue(rig.caller(), Dialogue(messages, "Answer in verse."))
    output = Recorder()
    await rig.chats.stream_dialogue(rig.caller(), Dialogue(messages), output)
    assert answered.text == output.text == "Good day."
    assert (output.events[0], output.events[-1], output.conversation) == ("begin", "end", None)
    system = upstream.bodies[0]["messages"][0]
    assert system == {"role": "system", "content": f"{SYSTEM}\n\nAnswer in verse."}
    assert [message["content"] for message in upstream.bodies[1]["messages"][1:]] == [
        "Hello",
        "Good day.",
        "And now?",
    ]
    assert not (await rig.store.page(rig.caller().owner, 10, None)).conversations


async def test_what_an_answer_used_is_counted_to_its_caller(rig: Rig, upstream: Upstream) -> None:
    await rig.chats.complete(rig.caller(), HELLO)
    await rig.chats.complete_dialogue(rig.caller(), Dialogue([Message("user", "Hello")]))
    (line,) = await rig.budgets.usage(rig.caller(), 1)
    assert (line.model, line.chats, line.prompt_tokens, line.completion_tokens) == ("small", 2, 14, 6)


async def test_a_caller_without_budget_is_refused_before_anything_is_kept(
    model: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    async with Rig(tmp_path, [model], tokens_per_day=5) as rig:
        await rig.chats.complete(rig.caller(), HELLO)
        for call in (
            rig.chats.complete(rig.caller(), HELLO),
            rig.chats.complete_dialogue(rig.caller(), Dialogue([Message("user", "Hello")])),
        ):
            assert (await problem_of(call)).status == 429
        await rig.only_conversation()
    assert len(upstream.bodies) == 1


ROLES = st.sampled_from(["user", "assistant"])


@given(st.lists(st.builds(Message, ROLES, st.text(max_size=5)), max_size=10))
def test_messages_alternate_and_begin_with_the_user_and_nothing_of_the_user_is_lost(
    messages: list[Message],
) -> None:
    joined = alternating([*messages, Message("user", "last")])
    assert [message.role for message in joined] == ["user", "assistant"] * (len(joined) // 2) + ["user"]
    asked = "\n\n".join(message.content for message in messages if message.role == "user")
    kept = "\n\n".join(message.content for message in joined if message.role == "user")
    assert kept == (f"{asked}\n\nlast" if any(m.role == "user" for m in messages) else "last")
