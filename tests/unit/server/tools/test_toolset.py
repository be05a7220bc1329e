"""What is offered, and what becomes of calls: bounds in time and size, failures, records."""

from __future__ import annotations

import asyncio
import io
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from gagarin.server.metrics import Metrics
from gagarin.server.tools import toolset as toolset_module
from gagarin.server.tools.tool import CallContext, Function, ToolResult
from gagarin.server.tools.toolset import CallOutcome, Toolset
from gagarin.serving.logs import Log
from gagarin.serving.tracing import PassOn, Span
from tests.unit.server.turning import TEXT, FakeTool, context, echo


class Rig:
    """A toolset over these tools, and what it writes."""

    def __init__(self, *tools: FakeTool, tracing: PassOn | None = None) -> None:
        self.sink = io.BytesIO()
        self.metrics = Metrics()
        self.log = Log("info", self.sink)
        self.toolset = Toolset(tools, self.log, self.metrics, tracing or PassOn())

    async def run(self, *calls: tuple[str, Any], **changed: Any) -> list[ToolResult]:
        """The results of these calls, in their order."""
        offered = await self.toolset.offered()
        prepared = [self.toolset.prepared(offered, name, text) for name, text in calls]
        found: list[CallOutcome] = []
        async with aclosing(self.toolset.run(offered, prepared, context(**changed))) as outcomes:
            found += [one async for one in outcomes]
        return [one.result for one in sorted(found, key=lambda one: one.number)]

    async def names(self) -> list[str]:
        return sorted((await self.toolset.offered()).functions)

    def lines(self) -> list[dict[str, Any]]:
        self.log.flush()
        return [msgspec.json.decode(line) for line in self.sink.getvalue().splitlines()]


def failing(error: Exception) -> Any:
    async def fail(_: dict[str, Any], __: CallContext) -> ToolResult:
        raise error

    return fail


def giving(text: str) -> Any:
    async def give(_: dict[str, Any], __: CallContext) -> ToolResult:
        return ToolResult(text)

    return give


async def hang(_: dict[str, Any], __: CallContext) -> ToolResult:
    await asyncio.Event().wait()
    raise AssertionError


HELLO = '{"text": "hello"}'


async def test_without_tools_nothing_is_offered() -> None:
    assert await Rig().toolset.offered() is toolset_module.NOTHING


async def test_tools_are_started_and_ended() -> None:
    tool = FakeTool(echo=echo)
    rig = Rig(tool)
    await rig.toolset.start()
    assert tool.started == 1
    await rig.toolset.close()
    assert tool.started == 0


async def test_what_is_offered_is_compiled_again_only_when_a_tool_offers_something_else() -> None:
    one, two = FakeTool("team-a/one", echo=echo), FakeTool("team-a/two")
    rig = Rig(one, two)
    first = await rig.toolset.offered()
    assert await rig.toolset.offered() is first
    two.offered = [Function("say", "", TEXT)]
    assert await rig.names() == ["echo", "say"]
    two.offered = []
    assert await rig.names() == ["echo"]


async def test_functions_of_the_same_name_are_told_apart_by_their_tools() -> None:
    one, two = FakeTool("team-a/one", echo=giving("1")), FakeTool("team-a/two", echo=giving("2"))
    rig = Rig(one, two)
    assert await rig.names() == ["one_echo", "two_echo"]
    results = await rig.run(("one_echo", HELLO), ("two_echo", HELLO))
    assert [result.text for result in results] == ["1", "2"]


@pytest.mark.parametrize("schema", [{"type": "objct"}, {"$ref": "#/$defs/none"}, {"$ref": "http://x/y"}])
async def test_a_function_with_a_broken_schema_is_left_out_and_logged(schema: dict[str, Any]) -> None:
    tool = FakeTool(echo=echo)
    tool.offered = [*tool.offered, Function("broken", "", schema)]
    rig = Rig(tool)
    assert await rig.names() == ["echo"]
    (line,) = rig.lines()
    assert (line["tool"], line["function"], line["level"]) == ("team-a/tool", "broken", "warning")


async def test_a_function_with_a_schema_that_refers_to_itself_is_offered() -> None:
    tool = FakeTool(echo=echo)
    tool.offered = [
        Function(
            "echo",
            "",
            {**TEXT, "properties": {"text": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}},
        )
    ]
    assert [one.text for one in await Rig(tool).run(("echo", HELLO))] == ["hello"]


async def test_more_functions_than_models_take_are_cut_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolset_module, "MAX_FUNCTIONS", 2)
    rig = Rig(FakeTool(a=echo, b=echo, c=echo))
    assert await rig.names() == ["a", "b"]
    assert rig.lines()[0]["found"] == 3


async def test_a_tool_that_breaks_its_promise_is_a_result_and_a_line_in_the_log() -> None:
    rig = Rig(FakeTool(echo=failing(RuntimeError("bug"))))
    assert await rig.run(("echo", HELLO)) == [ToolResult("The tool failed.", error=True)]
    assert any("mistake in the server" in line.get("message", "") for line in rig.lines())


async def test_a_tool_that_hangs_leaves_the_model_time_to_answer() -> None:
    rig = Rig(FakeTool(echo=hang))
    async with asyncio.timeout(60):
        (result,) = await rig.run(("echo", HELLO), ends=asyncio.get_running_loop().time() + 0.1)
    assert result == ToolResult("The tool did not answer in time.", error=True)
    assert (
        b'gagarin_chat_tool_call_seconds_count{outcome="timeout",tool="team-a/tool"} 1.0'
        in rig.metrics.text()
    )


async def test_a_tool_that_hangs_does_not_hold_up_another_one() -> None:
    rig = Rig(FakeTool("team-a/slow", slow=hang), FakeTool("team-a/fast", fast=echo))
    offered = await rig.toolset.offered()
    calls = [rig.toolset.prepared(offered, name, HELLO) for name in ("slow", "fast")]
    async with asyncio.timeout(60), aclosing(rig.toolset.run(offered, calls, context())) as outcomes:
        first = await anext(outcomes)
    assert (first.number, first.result.text) == (1, "hello")


async def test_only_so_many_calls_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolset_module, "MAX_PARALLEL", 2)
    running, most = 0, 0

    async def count(_: dict[str, Any], __: CallContext) -> ToolResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return ToolResult("")

    await Rig(FakeTool(echo=count)).run(*[("echo", HELLO)] * 7)
    assert most == 2


async def test_a_long_result_is_cut_and_says_so() -> None:
    (result,) = await Rig(FakeTool(echo=giving("x" * 10_000_000))).run(("echo", HELLO))
    assert result.text.endswith("\n[The result has 10000000 characters; these are the first 100000.]")
    assert len(result.text) < 100_100


async def test_each_call_is_audited_without_arguments_and_results() -> None:
    rig = Rig(FakeTool(echo=echo))
    await rig.run(("echo", '{"text": "a secret"}'), ("echo", '{"wrong": "a secret"}'), ("none", "{}"))
    lines = [line for line in rig.lines() if line["log"] == "audit"]
    assert sorted((line["function"] or "", line["tool"] or "", line["outcome"]) for line in lines) == [
        ("", "", "invalid"),
        ("echo", "team-a/tool", "invalid"),
        ("echo", "team-a/tool", "ok"),
    ]
    assert {line["conversation"] for line in lines} == {"c1"}
    assert b"a secret" not in rig.sink.getvalue()


async def test_metrics_know_tools_of_the_configuration_only() -> None:
    rig = Rig(FakeTool(echo=echo))
    await rig.run(*[(f"none{number}", "{}") for number in range(5)])
    assert b'gagarin_chat_tool_call_seconds_count{outcome="invalid",tool=""} 5.0' in rig.metrics.text()
    assert b"none1" not in rig.metrics.text()


async def test_a_call_carries_the_context_of_its_span() -> None:
    seen: list[Any] = []

    class Recording(PassOn):
        def call(self, name: str, **attributes: Any) -> Span:
            seen.append(attributes["gen_ai__tool__name"])
            outer = super().call(name)

            class Marked:
                def set(self, **attributes: Any) -> None:
                    """Nothing."""

                def fail(self, kind: str) -> None:
                    seen.append(kind)

                def headers(self) -> dict[str, str]:
                    return {**outer.headers(), "traceparent": "00-1-2-01"}

                def end(self) -> None:
                    seen.append("end")

            return Marked()

    tool = FakeTool(echo=echo, bad=failing(ValueError("x")))
    await Rig(tool, tracing=Recording()).run(("echo", HELLO))
    assert tool.contexts[0].trace == {"traceparent": "00-1-2-01"}
    await Rig(tool, tracing=Recording()).run(("bad", HELLO))
    assert seen == ["echo", "end", "bad", "error", "end"]
