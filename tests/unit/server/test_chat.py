"""Turns: what the model is given, what is kept, who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.config import Auth, Config, Limits, ModelTarget
from gagarin.server.auth.identity import Caller
from gagarin.server.body import Question
from gagarin.server.chat import Chats, alternating
from gagarin.server.errors import Problem
from gagarin.server.history.sqlite import SqliteStore
from gagarin.server.metrics import Metrics
from gagarin.server.provider import ModelClient
from gagarin.server.wire import Message, Usage
from tests.unit.server.auth.oracle import account, quiet
from tests.unit.server.providing import model_at, provider
from tests.unit.server.upstream import Upstream, answering, failing, piece, silent, sse, writing
from tests.unit.server.waiting import until

HELLO = Question("Hello")


class Recorder:
    """An output that remembers; `slow` makes it wait for each piece."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.conversation: str | None = None

    async def begin(self, conversation: str | None) -> None:
        self.conversation = conversation
        self.events.append("begin")

    async def tokens(self, texts: list[str]) -> None:
        self.events += texts

    async def end(self, conversation: str | None, usage: Usage | None) -> None:
        self.events += [usage, "end"]


class Rig:
    """Chats of one Instance, with a SQLite history."""

    def __init__(self, folder: Path, models: Sequence[ModelClient], **limits: Any) -> None:
        self.store = SqliteStore(folder, 10)
        self.metrics = Metrics()
        config = Config(
            schema_version=1,
            name="helper",
            namespace="team-a",
            revision="r1",
            prompt=limits.pop("prompt", "Be kind."),
            model=ModelTarget(provider=provider("http://unused"), model="small"),
            auth=Auth(audiences=("a",)),
            limits=Limits(**limits),
        )
        self.chats = Chats(config, models, self.store, quiet(), self.metrics)

    def caller(self, name: str = "caller", *, seconds: float = 3600.0) -> Caller:
        return Caller(account(name), time.time() + seconds)

    async def kept(self, conversation: str | None) -> list[tuple[str, str]]:
        found = await self.store.read(self.caller().owner, conversation or "", 100, None)
        assert found is not None
        return [(message.role, message.content) for message in found.messages]

    async def only_conversation(self) -> str:
        (found,) = (await self.store.page(self.caller().owner, 10, None)).conversations
        return found.id


@pytest.fixture
async def model(upstream: Upstream, tmp_path: Path) -> AsyncIterator[ModelClient]:
    async with model_at(upstream.url, tmp_path) as client:
        yield client


@pytest.fixture
async def rig(model: ModelClient, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path, [model])
    await made.store.open()
    yield made
    await made.store.close()


async def problem_of(call: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await call
    return caught.value


async def test_the_model_gets_the_prompt_the_past_and_the_question(rig: Rig, upstream: Upstream) -> None:
    first = await rig.chats.complete(rig.caller(), HELLO)
    second = await rig.chats.complete(rig.caller(), Question("And now?", first.conversation))
    assert second.conversation == first.conversation
    assert upstream.bodies[1]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": "And now?"},
    ]
    assert await rig.kept(first.conversation) == [
        ("user", "Hello"),
        ("assistant", "Good day."),
        ("user", "And now?"),
        ("assistant", "Good day."),
    ]


async def test_without_a_prompt_there_is_no_system_message(
    model: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    rig = Rig(tmp_path, [model], prompt="")
    await rig.store.open()
    await rig.chats.complete(rig.caller(), HELLO)
    await rig.store.close()
    assert upstream.bodies[0]["messages"] == [{"role": "user", "content": "Hello"}]


async def test_a_streamed_answer_is_passed_on_and_kept(rig: Rig) -> None:
    output = Recorder()
    await rig.chats.stream(rig.caller(), HELLO, output)
    assert output.events == ["begin", "Good", " day.", Usage(7, 3, 10), "end"]
    assert await rig.kept(output.conversation) == [("user", "Hello"), ("assistant", "Good day.")]
    text = rig.metrics.text()
    assert b'gagarin_chat_tokens_total{kind="prompt"} 7.0' in text
    assert b'gagarin_chat_tokens_total{kind="completion"} 3.0' in text
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
    first = await rig.chats.complete(rig.caller(), Question("one"))
    upstream.behaviours = [silent(upstream.proceed), answering("three too")]
    upstream.asked.clear()
    second = asyncio.create_task(rig.chats.complete(rig.caller(), Question("two", first.conversation)))
    await upstream.asked.wait()
    third = asyncio.create_task(rig.chats.complete(rig.caller(), Question("three", first.conversation)))

    async def accepted() -> bool:
        return len(await rig.kept(first.conversation)) == 4

    await until(accepted)
    assert len(upstream.bodies) == 2
    upstream.proceed.set()
    await asyncio.gather(second, third)
    assert [content for _, content in await rig.kept(first.conversation)] == [
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
    rig = Rig(tmp_path, [model], request_timeout=0.05)
    await rig.store.open()
    upstream.behaviours = [silent(upstream.proceed)]
    problem = await problem_of(rig.chats.complete(rig.caller(), HELLO))
    assert (problem.status, problem.slug) == (504, "request-timeout")
    assert "limits.requestTimeout" in problem.detail
    await rig.store.close()


async def test_an_answer_ends_when_the_token_does(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    output = Recorder()
    problem = await problem_of(rig.chats.stream(rig.caller(seconds=0.1), HELLO, output))
    assert (problem.status, output.events) == (401, ["begin", "Good"])
    async with asyncio.timeout(5):
        await upstream.abandoned.wait()


@pytest.mark.parametrize("stream", [False, True])
async def test_when_a_model_fails_the_fallbacks_are_asked_in_order(
    upstream: Upstream, tmp_path: Path, *, stream: bool
) -> None:
    upstream.behaviours = [failing(400), failing(404), answering("Here.")]
    async with AsyncExitStack() as stack:
        models = [await stack.enter_async_context(model_at(upstream.url, tmp_path)) for _ in range(4)]
        rig = Rig(tmp_path, models)
        await rig.store.open()
        output = Recorder()
        if stream:
            await rig.chats.stream(rig.caller(), HELLO, output)
        else:
            assert (await rig.chats.complete(rig.caller(), HELLO)).answer == "Here."
        await rig.store.close()
    assert len(upstream.bodies) == 3


async def test_when_all_models_fail_the_last_failure_is_told(upstream: Upstream, tmp_path: Path) -> None:
    upstream.behaviours = [failing(400), failing(404)]
    async with model_at(upstream.url, tmp_path) as one, model_at(upstream.url, tmp_path) as two:
        rig = Rig(tmp_path, [one, two])
        await rig.store.open()
        problem = await problem_of(rig.chats.complete(rig.caller(), HELLO))
        await rig.store.close()
    assert problem.detail == "provider team-a/openai answered 404"


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
