"""The turn loop: rounds of tool calls, what is passed on meanwhile, answers that have to fit a schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gagarin.core.config import Cost
from gagarin.server import wire
from gagarin.server.answers import Answered, SourceUse, ToolUse
from gagarin.server.knowledge.passages import Passage
from gagarin.server.provider import ModelClient
from gagarin.server.rounds import LAST_ROUND
from gagarin.server.tools.tool import CallContext, ToolResult
from gagarin.server.turns import Origin, Question
from gagarin.server.wire import ANSWER_FUNCTION, Usage
from gagarin.serving.errors import Problem
from tests.unit.server.providing import model_at
from tests.unit.server.turning import SYSTEM, FakeTool, Recorder, Rig, echo
from tests.unit.server.upstream import (
    DONE,
    FINISH,
    Upstream,
    answering,
    called,
    calling,
    failing,
    piece,
    sse,
    writing,
)

HELLO = Question("Hello")
ONE = called("echo", {"text": "one"}, id="call_1")
TWO = called("echo", {"text": "two"}, id="call_2", index=1)


@pytest.fixture
async def model(upstream: Upstream, tmp_path: Path) -> AsyncIterator[ModelClient]:
    async with model_at(upstream.url, tmp_path) as client:
        yield client


@pytest.fixture
def tool() -> FakeTool:
    return FakeTool(echo=echo)


@pytest.fixture
async def rig(model: ModelClient, tool: FakeTool, tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path, [model], tools=[tool], max_tool_rounds=3) as made:
        yield made


async def answer(rig: Rig, question: Question = HELLO) -> Answered:
    return (await rig.chats.complete(rig.caller(), question))[0]


async def spoken(rig: Rig, question: Question = HELLO) -> Recorder:
    output = Recorder()
    await rig.chats.stream(rig.caller(), question, output)
    return output


def results(upstream: Upstream, request: int = -1) -> list[str]:
    """The results that the model was told."""
    messages = upstream.bodies[request]["messages"]
    return [message["content"] for message in messages if message["role"] == "tool"]


async def test_the_model_is_asked_again_with_the_results_of_its_calls(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [calling(ONE, TWO), answering("Done.")]
    answered = await answer(rig)
    assert answered.text == "Done."
    assert answered.usage == Usage(14, 6, 20)
    assert answered.tools == (ToolUse("echo", "ok"), ToolUse("echo", "ok"))
    assert upstream.bodies[1]["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Hello"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "echo", "arguments": '{"text":"one"}'},
                },
                {
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "echo", "arguments": '{"text":"two"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "tool", "tool_call_id": "call_2", "content": "two"},
    ]
    assert [one["function"]["name"] for one in upstream.bodies[1]["tools"]] == ["echo"]


async def test_tokens_and_tools_are_told_as_they_come_and_are_the_kept_answer(
    rig: Rig, upstream: Upstream
) -> None:
    upstream.behaviours = [calling(ONE, text="Let me see."), answering("It is one.")]
    output = await spoken(rig)
    assert output.events == [
        "begin",
        "Let me see.",
        ("call_1", "echo", {"text": "one"}, "running"),
        ("call_1", "echo", {"text": "one"}, "ok"),
        "\n\n",
        "It is one.",
        "end",
    ]
    assert output.answered is not None
    assert output.answered.text == output.text == "Let me see.\n\nIt is one."
    assert await rig.kept(output.conversation) == [("user", "Hello"), ("assistant", output.text)]


async def test_a_whole_answer_has_the_same_text_as_a_streamed_one(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [calling(ONE, text="Let me see."), answering("It is one.")]
    assert (await answer(rig)).text == "Let me see.\n\nIt is one."


async def test_calls_of_one_reply_run_at_the_same_time(
    model: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    together = asyncio.Barrier(2)

    async def meet(arguments: dict[str, Any], _: CallContext) -> ToolResult:
        await together.wait()
        return ToolResult(arguments["text"])

    upstream.behaviours = [calling(ONE, TWO), answering("Done.")]
    async with Rig(tmp_path, [model], tools=[FakeTool(echo=meet)]) as rig, asyncio.timeout(60):
        await answer(rig)
    assert results(upstream) == ["one", "two"]


@pytest.mark.parametrize("stream", [False, True])
async def test_after_the_last_round_an_answer_without_tools_is_asked_for(
    rig: Rig, upstream: Upstream, *, stream: bool
) -> None:
    upstream.behaviours = [calling(ONE), calling(ONE), calling(ONE), answering("Enough.")]
    answered = (await spoken(rig)).answered if stream else await answer(rig)
    assert answered is not None
    assert answered.text == "Enough."
    assert ["tools" in body for body in upstream.bodies] == [True, True, True, False]
    assert results(upstream) == ["one", "one", f"one{LAST_ROUND}"]


async def test_calls_that_nobody_offered_are_not_made(rig: Rig, upstream: Upstream, tool: FakeTool) -> None:
    upstream.behaviours = [calling(ONE)] * 3 + [calling(ONE, text="Enough.")]
    assert (await answer(rig)).text == "Enough."
    assert len(tool.calls) == 3


async def test_no_round_at_all_means_no_tools(model: ModelClient, upstream: Upstream, tmp_path: Path) -> None:
    async with Rig(tmp_path, [model], tools=[FakeTool(echo=echo)], max_tool_rounds=0) as rig:
        await answer(rig)
    assert "tools" not in upstream.bodies[0]


async def test_a_vendor_that_wants_tools_named_after_calls_is_told_not_to_use_them(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.behaviours = [calling(ONE), answering("Enough.")]
    async with (
        model_at(upstream.url, tmp_path, type="Anthropic") as model,
        Rig(tmp_path, [model], tools=[FakeTool(echo=echo)], max_tool_rounds=1) as rig,
    ):
        await answer(rig)
    assert upstream.bodies[1]["tool_choice"] == "none"
    assert upstream.bodies[1]["tools"]


@pytest.mark.parametrize(
    ("call", "told", "echoed"),
    [
        (called("none", {}), "there is no function 'none'; there are: echo", ("none", "{}")),
        (called("echo", "{"), "the arguments are not JSON", ("echo", "{}")),
        (called("echo", "[1]"), "the arguments are not a JSON object", ("echo", "{}")),
        (called("echo", {}), '"text" is a required property', ("echo", "{}")),
        (called("echo", {"text": 1}), '/text: 1 is not of type "string"', ("echo", '{"text":1}')),
        (called("e c/h.o", {}), "there is no function", ("e_c_h_o", "{}")),
    ],
)
async def test_an_invalid_call_goes_back_to_the_model_which_can_mend_it(
    rig: Rig, upstream: Upstream, tool: FakeTool, call: Any, told: str, echoed: tuple[str, str]
) -> None:
    upstream.behaviours = [calling(call), calling(ONE), answering("Done.")]
    answered = await answer(rig)
    assert answered.tools == (ToolUse(call["function"]["name"], "error"), ToolUse("echo", "ok"))
    assert told in results(upstream)[0]
    sent = upstream.bodies[1]["messages"][2]["tool_calls"][0]["function"]
    assert (sent["name"], sent["arguments"]) == echoed
    assert tool.calls == [("echo", {"text": "one"})]


async def test_no_arguments_are_an_empty_object(
    model: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    async def ping(_: dict[str, Any], __: CallContext) -> ToolResult:
        return ToolResult("pong")

    tool = FakeTool(ping=ping)
    tool.offered = [wire_function(one) for one in tool.offered]
    upstream.behaviours = [calling(called("ping", ""), called("ping", "null", index=1)), answering("Done.")]
    async with Rig(tmp_path, [model], tools=[tool]) as rig:
        await answer(rig)
    assert tool.calls == [("ping", {}), ("ping", {})]


def wire_function(function: Any) -> Any:
    """The same function without required arguments."""
    return type(function)(function.name, function.description, {"type": "object"})


async def test_calls_without_ids_or_with_the_same_get_their_own(rig: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [
        calling(called("echo", {"text": "a"}), called("echo", {"text": "b"}, index=1)),
        calling(called("echo", {"text": "c"}, id="x"), called("echo", {"text": "d"}, id="x", index=1)),
        answering("Done."),
    ]
    await answer(rig)
    calls = [call for message in upstream.bodies[2]["messages"] for call in message.get("tool_calls", ())]
    ids = [call["id"] for call in calls]
    assert ids == ["call00000", "call00001", "x", "call00003"]
    told = [m["tool_call_id"] for m in upstream.bodies[2]["messages"] if m["role"] == "tool"]
    assert told == ids
    assert results(upstream) == ["a", "b", "c", "d"]


async def test_what_google_adds_to_a_call_comes_back_with_it(rig: Rig, upstream: Upstream) -> None:
    signed = {**ONE, "extra_content": {"google": {"thought_signature": "sig"}}}
    upstream.behaviours = [calling(signed), answering("Done.")]
    await answer(rig)
    (call,) = upstream.bodies[1]["messages"][2]["tool_calls"]
    assert call["extra_content"] == {"google": {"thought_signature": "sig"}}


async def test_a_tool_that_fails_is_a_result(rig: Rig, upstream: Upstream, tool: FakeTool) -> None:
    async def fail(_: dict[str, Any], __: CallContext) -> ToolResult:
        return ToolResult("The tool failed: no connection.", error=True)

    tool.behaviours["echo"] = fail
    upstream.behaviours = [calling(ONE), answering("Sorry.")]
    output = await spoken(rig)
    assert ("call_1", "echo", {"text": "one"}, "error") in output.events
    assert output.answered is not None
    assert output.answered.tools == (ToolUse("echo", "error"),)
    assert results(upstream) == ["The tool failed: no connection."]


async def test_a_tool_knows_for_whom_it_is_called(rig: Rig, upstream: Upstream, tool: FakeTool) -> None:
    upstream.behaviours = [calling(ONE), answering("Done.")]
    caller = rig.caller()
    _, conversation = await rig.chats.complete(caller, Question("Hello", origin=Origin(depth=2)))
    (context,) = tool.contexts
    assert (context.caller, context.owner) == (caller.identity.user, caller.owner)
    assert (context.conversation, context.depth) == (conversation, 2)


async def test_within_a_turn_the_next_model_goes_on_where_the_first_one_fails(
    upstream: Upstream, tmp_path: Path
) -> None:
    signed = {**ONE, "extra_content": {"google": {}}}
    upstream.behaviours = [calling(signed), failing(400), calling(TWO), answering("Done.")]
    async with AsyncExitStack() as stack:
        models = [await stack.enter_async_context(model_at(upstream.url, tmp_path)) for _ in range(2)]
        rig = await stack.enter_async_context(Rig(tmp_path, models, tools=[FakeTool(echo=echo)]))
        output = await spoken(rig)
    assert output.text == "Done."
    asked, *_ = upstream.bodies[2]["messages"][2]["tool_calls"]
    assert (asked["id"], "extra_content" in asked) == ("call00000", False)
    assert upstream.bodies[2]["messages"][3]["tool_call_id"] == "call00000"
    assert len(upstream.bodies) == 4


async def test_no_other_model_is_asked_once_a_token_was_passed_on(upstream: Upstream, tmp_path: Path) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), cut=True, hold=upstream.proceed)]
    async with (
        model_at(upstream.url, tmp_path) as one,
        model_at(upstream.url, tmp_path) as two,
        Rig(tmp_path, [one, two]) as rig,
    ):
        output = Recorder()
        speaking = asyncio.create_task(rig.chats.stream(rig.caller(), HELLO, output))
        await upstream.asked.wait()
        upstream.proceed.set()
        with pytest.raises(Problem) as caught:
            await speaking
    assert caught.value.status == 502
    assert output.events == ["begin", "Good"]
    assert len(upstream.bodies) == 1


async def test_a_caller_that_goes_away_ends_the_tool_calls(
    rig: Rig, upstream: Upstream, tool: FakeTool
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def hang(_: dict[str, Any], __: CallContext) -> ToolResult:
        began.set()
        try:
            return ToolResult(str(await asyncio.Event().wait()))
        finally:
            ended.set()

    tool.behaviours["echo"] = hang
    upstream.behaviours = [calling(ONE, TWO)]
    speaking = asyncio.create_task(spoken(rig))
    await began.wait()
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert ended.is_set()
    (line, *_) = await rig.budgets.usage(rig.caller(), 1)
    assert line.prompt_tokens == 7
    assert {line["outcome"] for line in rig.lines("audit")} == {"cancelled"}


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("model_length", "length"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_why_an_answer_ended_is_told(
    rig: Rig, upstream: Upstream, reason: str, finish: str, *, stream: bool
) -> None:
    upstream.behaviours = [calling(text="Half", finish=reason)]
    answered = (await spoken(rig)).answered if stream else await answer(rig)
    assert answered is not None
    assert (answered.text, answered.finish) == ("Half", finish)


async def test_a_refusal_is_an_answer_that_says_so(rig: Rig, upstream: Upstream) -> None:
    delta = {"choices": [{"delta": {"refusal": "I will not."}}]}
    upstream.behaviours = [writing(sse(delta, FINISH, DONE))]
    output = await spoken(rig)
    assert output.text == "I will not."
    assert output.answered is not None
    assert output.answered.finish == "refusal"


async def test_the_costs_of_all_rounds_are_added_up(upstream: Upstream, tmp_path: Path) -> None:
    upstream.behaviours = [calling(ONE), answering("Done.")]
    cost = Cost(input_per_token="0.001", output_per_token="0.01")  # prices
    async with (
        model_at(upstream.url, tmp_path, cost=cost) as model,
        Rig(tmp_path, [model], tools=[FakeTool(echo=echo)]) as rig,
    ):
        answered = await answer(rig)
    assert (answered.cost, answered.model) == ("0.074", "small")


class Shelf:
    """Knowledge of a test."""

    def __init__(self, *passages: Passage) -> None:
        self.found = passages
        self.asked: list[str] = []

    async def start(self) -> None:
        """Nothing to read."""

    async def passages(self, question: str) -> Sequence[Passage]:
        self.asked.append(question)
        return self.found

    async def close(self) -> None:
        """Nothing to end."""


async def test_fitting_passages_are_given_to_the_model_and_named_with_the_answer(
    model: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    shelf = Shelf(
        Passage("manual", "Fuel", "https://docs/fuel", "Kerosene."),
        Passage("manual", "Fuel", "https://docs/fuel", "And oxygen."),
    )
    async with Rig(tmp_path, [model], knowledge=shelf) as rig:
        answered = await answer(rig)
    assert shelf.asked == ["Hello"]
    assert answered.sources == (SourceUse("manual", "Fuel", "https://docs/fuel"),)
    system = upstream.bodies[0]["messages"][0]["content"]
    assert system.startswith(SYSTEM)
    assert "[2] Fuel (https://docs/fuel)\nAnd oxygen." in system


SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


@pytest.fixture
async def strict(model: ModelClient, tool: FakeTool, tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path, [model], tools=[tool], schema=SCHEMA) as made:
        yield made


@pytest.mark.parametrize("text", ['{"sum": 3}', '```json\n{"sum": 3}\n```', '\n{"sum": 3}\n'])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_fits_its_schema_is_given_out_whole(
    strict: Rig, upstream: Upstream, text: str, *, stream: bool
) -> None:
    upstream.behaviours = [calling(ONE, text="Let me see."), answering(text)]
    if not stream:
        assert (await answer(strict)).text == '{"sum": 3}'
        return
    output = await spoken(strict)
    assert output.events[-2:] == ['{"sum": 3}', "end"]
    assert output.events[1] == ("call_1", "echo", {"text": "one"}, "running")


async def test_an_answer_that_does_not_fit_is_asked_for_once_more(strict: Rig, upstream: Upstream) -> None:
    upstream.behaviours = [answering('{"sum": "three"}'), answering('{"sum": 3}')]
    assert (await answer(strict)).text == '{"sum": 3}'
    *_, said, wrong = upstream.bodies[1]["messages"]
    assert said == {"role": "assistant", "content": '{"sum": "three"}'}
    assert '/sum: "three" is not of type "integer"' in wrong["content"]
    assert "tools" not in upstream.bodies[1]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_does_not_fit_twice_is_a_502_that_says_why(
    strict: Rig, upstream: Upstream, *, stream: bool
) -> None:
    upstream.behaviours = [answering("three"), answering("four")]
    with pytest.raises(Problem) as caught:
        await (spoken(strict) if stream else answer(strict))
    assert (caught.value.status, caught.value.slug) == (502, "answer-misfit")
    assert "it is not JSON" in caught.value.errors[0][1]
    assert len(await strict.kept(await strict.only_conversation())) == 1


async def test_a_refusal_is_not_asked_for_again(strict: Rig, upstream: Upstream) -> None:
    async def refuse(request: Any) -> Any:
        message = {"role": "assistant", "content": None, "refusal": "I will not."}
        from aiohttp import web

        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})

    upstream.behaviours = [refuse]
    with pytest.raises(Problem) as caught:
        await answer(strict)
    assert "refused" in caught.value.detail
    assert len(upstream.bodies) == 1


@pytest.fixture
async def without_format(upstream: Upstream, tmp_path: Path) -> AsyncIterator[ModelClient]:
    async with model_at(upstream.url, tmp_path, schema=SCHEMA, type="Anthropic") as client:
        yield client


async def test_a_model_without_response_format_answers_through_a_function(
    without_format: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    given = called(ANSWER_FUNCTION, {"sum": 3}, id="a")
    upstream.behaviours = [calling(ONE), calling(given)]
    async with Rig(tmp_path, [without_format], tools=[FakeTool(echo=echo)], schema=SCHEMA) as rig:
        answered = await answer(rig)
    assert (answered.text, answered.tools) == ('{"sum":3}', (ToolUse("echo", "ok"),))
    assert upstream.bodies[0]["tool_choice"] == "required"
    names = [one["function"]["name"] for one in upstream.bodies[0]["tools"]]
    assert names == ["echo", ANSWER_FUNCTION]


async def test_without_other_tools_that_function_is_forced_and_a_misfit_is_its_failure(
    without_format: ModelClient, upstream: Upstream, tmp_path: Path
) -> None:
    wrong, right = called(ANSWER_FUNCTION, {}, id="a"), called(ANSWER_FUNCTION, {"sum": 3}, id="b")
    upstream.behaviours = [calling(wrong), calling(right)]
    async with Rig(tmp_path, [without_format], schema=SCHEMA) as rig:
        assert (await answer(rig)).text == '{"sum":3}'
    assert upstream.bodies[0]["tool_choice"] == {"type": "function", "function": {"name": ANSWER_FUNCTION}}
    assert '"sum" is a required property' in results(upstream)[0]


def test_messages_become_portable_to_any_vendor() -> None:
    call = wire.SentCall("a-very-long-id", "function", wire.CalledFunction("f", "{}"), {"google": 1})
    moved = wire.portable(
        [wire.Message("user", "Hello"), wire.CallsMessage(None, (call,)), wire.ResultMessage(call.id, "r")]
    )
    assert moved[1] == wire.CallsMessage(None, (wire.SentCall("call00000", "function", call.function),))
    assert moved[2] == wire.ResultMessage("call00000", "r")


async def test_of_a_dialogue_that_is_too_long_for_a_model_the_oldest_turns_are_left_out(
    upstream: Upstream, tmp_path: Path
) -> None:
    long = "x" * 900  # 300 tokens
    async with AsyncExitStack() as stack:
        models = [
            await stack.enter_async_context(model_at(upstream.url, tmp_path, context_window=window))
            for window in (1100, 800, None)
        ]
        rig = await stack.enter_async_context(Rig(tmp_path, models))
        conversation = None
        for name in ("one", "two", "three"):
            answer = Question(f"{name} {long}", conversation)
            _, conversation = await rig.chats.complete(rig.caller(), answer)
        upstream.bodies.clear()
        upstream.behaviours = [failing(400), failing(400), answering("Here.")]
        await rig.chats.complete(rig.caller(), Question("four", conversation))
    given = [
        [message["content"].split()[0] for message in body["messages"] if message["role"] == "user"]
        for body in upstream.bodies
    ]
    assert given == [["two", "three", "four"], ["three", "four"], ["one", "two", "three", "four"]]
