"""All tools of one Agent, as the model sees them, and the calls that it makes.

What is offered is compiled once and again only when a tool offers something else. A call is checked before
it is made; whatever goes wrong with it is a result that the model reads. Calls of one reply run at the same
time, within a bound, and each has a time of its own that leaves the model time to answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from gagarin.server import schemas, wire
from gagarin.server.metrics import Metrics
from gagarin.server.schemas import Schema, SchemaError
from gagarin.server.spans import tool_call
from gagarin.server.tools import names
from gagarin.server.tools.tool import CallContext, Function, Tool, ToolResult
from gagarin.serving.logs import Log
from gagarin.serving.tracing import PASS_ON, Tracing

MAX_PARALLEL = 8
MAX_FUNCTIONS = 256
MAX_RESULT_CHARS = 100_000
CALL_SHARE = 0.8  # of the time that is left: the model has to make something of the result


class Bound(NamedTuple):
    """A function that is offered: whose it is, and what its arguments have to be."""

    tool: Tool
    function: str
    schema: Schema


class Offered(NamedTuple):
    """What the model may call in one turn, by the names it knows."""

    definitions: tuple[msgspec.Raw, ...]
    functions: Mapping[str, Bound]


class CallOutcome(NamedTuple):
    """A finished call; `number` is its place among the calls of its reply."""

    number: int
    result: ToolResult
    seconds: float


class Prepared(NamedTuple):
    """A call whose arguments were looked at: `fault` says what is wrong with them."""

    name: str
    arguments: Any
    fault: str | None = None


NOTHING = Offered((), {})


class Toolset:
    """Safe to use from many tasks."""

    def __init__(self, tools: Sequence[Tool], log: Log, metrics: Metrics, tracing: Tracing = PASS_ON) -> None:
        self._tools = tools
        self._tracing = tracing
        self._log = log
        self._metrics = metrics
        self._sources: tuple[Sequence[Function], ...] = ()
        self._offered = NOTHING

    async def start(self) -> None:
        """Begin to find out what the tools offer."""
        for tool in self._tools:
            await tool.start()

    async def close(self) -> None:
        """End what goes on in the background."""
        await asyncio.gather(*(tool.close() for tool in self._tools), return_exceptions=True)

    async def offered(self) -> Offered:
        """What can be called now."""
        if not self._tools:
            return NOTHING
        sources = tuple(await asyncio.gather(*(tool.functions() for tool in self._tools)))
        if len(sources) != len(self._sources) or any(
            new is not old for new, old in zip(sources, self._sources, strict=True)
        ):
            self._offered = self._compiled(sources)
            self._sources = sources
        return self._offered

    def prepared(self, offered: Offered, name: str, text: str) -> Prepared:
        """The arguments of a call as JSON, and whether it can be made with them."""
        bound = offered.functions.get(name)
        name = name[: names.MAX_CHARS]
        try:
            arguments = schemas.decode(text) if text.strip() else {}
        except ValueError as error:
            return Prepared(name, text, f"the arguments are not JSON: {error}")
        arguments = {} if arguments is None else arguments
        if bound is None:
            known = ", ".join(sorted(offered.functions)[:50])
            return Prepared(name, arguments, f"there is no function {name!r}; there are: {known}")
        if not isinstance(arguments, dict):
            return Prepared(name, arguments, "the arguments are not a JSON object")
        faults = bound.schema.faults(arguments)
        wrong = f"the arguments do not fit the function's schema: {'; '.join(faults)}" if faults else None
        return Prepared(name, arguments, wrong)

    async def run(
        self, offered: Offered, calls: Sequence[Prepared], context: CallContext
    ) -> AsyncGenerator[CallOutcome, None]:
        """Make the calls; what comes of each as soon as it is known. Whoever stops listening ends them."""
        slots = asyncio.Semaphore(MAX_PARALLEL)
        tasks = [
            asyncio.create_task(self._run(offered, number, call, context, slots))
            for number, call in enumerate(calls)
        ]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self, offered: Offered, number: int, call: Prepared, context: CallContext, slots: asyncio.Semaphore
    ) -> CallOutcome:
        began = time.perf_counter()
        if call.fault is not None:
            return CallOutcome(number, self._invalid(offered, call, context), 0.0)
        bound = offered.functions[call.name]
        outcome = "cancelled"
        try:
            async with slots:
                began = time.perf_counter()
                result, outcome = await self._traced(bound, call, context)
        finally:
            seconds = time.perf_counter() - began
            self._record(bound.tool.name, call.name, outcome, seconds, context)
        return CallOutcome(number, _bounded(result), seconds)

    def _invalid(self, offered: Offered, call: Prepared, context: CallContext) -> ToolResult:
        bound = offered.functions.get(call.name)
        # The name of a function that does not exist is a text of the model's, which no log may hold.
        tool, function = (bound.tool.name, call.name) if bound else ("", None)
        self._record(tool, function, "invalid", 0.0, context)
        return ToolResult(f"The call was not made: {call.fault}. Mend it and call again.", error=True)

    async def _traced(self, bound: Bound, call: Prepared, context: CallContext) -> tuple[ToolResult, str]:
        span = tool_call(self._tracing, call.name)
        try:
            context = msgspec.structs.replace(context, trace=span.headers())
            result, outcome = await self._in_time(bound, call.arguments, context)
            if outcome != "ok":
                span.fail(outcome)
            return result, outcome
        finally:
            span.end()

    async def _in_time(
        self, bound: Bound, arguments: dict[str, Any], context: CallContext
    ) -> tuple[ToolResult, str]:
        left = (context.ends - asyncio.get_running_loop().time()) * CALL_SHARE
        try:
            async with asyncio.timeout(left):
                result = await bound.tool.call(bound.function, arguments, context)
        except TimeoutError:
            return ToolResult("The tool did not answer in time.", error=True), "timeout"
        except Exception as error:  # noqa: BLE001  # a tool breaks its promise: still no reason to end the chat
            self._log.failure("a tool failed because of a mistake in the server", error, tool=bound.tool.name)
            return ToolResult("The tool failed.", error=True), "error"
        return result, "error" if result.error else "ok"

    def _record(
        self, tool: str, function: str | None, outcome: str, seconds: float, context: CallContext
    ) -> None:
        self._metrics.tool_called(tool, outcome, seconds)
        self._log.audit(
            user=context.caller,
            tool=tool or None,
            function=function,
            outcome=outcome,
            conversation=context.conversation,
            duration_ms=round(seconds * 1000, 3),
        )

    def _compiled(self, sources: Sequence[Sequence[Function]]) -> Offered:
        found = [
            (tool, function, schema)
            for tool, functions in zip(self._tools, sources, strict=True)
            for function in functions
            if (schema := self._schema(tool, function)) is not None
        ]
        if len(found) > MAX_FUNCTIONS:
            self._log.event(
                "warning", f"only the first {MAX_FUNCTIONS} functions are offered", found=len(found)
            )
            del found[MAX_FUNCTIONS:]
        named = [(tool.name.rpartition("/")[2], function.name) for tool, function, _ in found]
        known = names.distinct(named, [wire.ANSWER_FUNCTION])
        return Offered(
            tuple(
                wire.definition(name, function.description, function.parameters)
                for name, (_, function, _) in zip(known, found, strict=True)
            ),
            {
                name: Bound(tool, function.name, schema)
                for name, (tool, function, schema) in zip(known, found, strict=True)
            },
        )

    def _schema(self, tool: Tool, function: Function) -> Schema | None:
        """None, said in the log: a provider would refuse every request that holds such a schema, so that one
        broken function would end all chats."""
        try:
            return Schema(function.parameters)
        except SchemaError as error:
            self._log.event(
                "warning",
                "a function is not offered, its schema cannot be used",
                tool=tool.name,
                function=function.name[: names.MAX_CHARS],
                reason=str(error),
            )
            return None


def _bounded(result: ToolResult) -> ToolResult:
    if len(result.text) <= MAX_RESULT_CHARS:
        return result
    note = f"\n[The result has {len(result.text)} characters; these are the first {MAX_RESULT_CHARS}.]"
    return ToolResult(result.text[:MAX_RESULT_CHARS] + note, result.error)
