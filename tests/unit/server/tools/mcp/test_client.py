"""A Tool keeps its server at hand, and repeats a call only where that does no harm."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from gagarin.server.tools.mcp.client import McpTool, Timing
from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Refused, SessionLost, Unreachable
from gagarin.server.tools.mcp.link import LISTENING, Heard, Outgoing
from gagarin.server.tools.tool import ToolResult
from gagarin.serving.logs import Log
from tests.unit.server.tools.mcp.faked import FakeLink
from tests.unit.server.turning import context
from tests.unit.server.waiting import happens, until

QUICK = Timing(
    connect=0.5,
    probe=0.1,
    first_pause=0.001,
    longest_pause=0.004,
    wanted_pause=0.002,
    steady=60.0,
    grace=0.05,
    patience=0.2,
    call_patience=2.0,
    least_fresh=60.0,
    listen_again=0.005,
)
CHANGED = "notifications/tools/list_changed"
GONE = Unreachable("the connection to its server broke", delivered=True)
NOT_SENT = Unreachable("it cannot be reached: connection refused", delivered=False)


class World:
    """A server that answers as these members say, and a Tool for it."""

    def __init__(
        self, timing: Timing = QUICK, allowed: Sequence[str] | None = None, *, stateless: bool = True
    ) -> None:
        self.names = ["echo"]
        self.annotations: dict[str, Any] = {}
        self.tells = False
        self.ttl = 0
        self.down: McpFault | None = None
        self.calls: list[Any] = []  # what comes of the next ones: an exception, or a text
        self.listing: Callable[[], Awaitable[None]] | None = None
        self.listen: list[Any] = []
        self.deaf: list[McpFault] = []
        self.links: list[FakeLink] = []
        self.sink = io.BytesIO()
        self.stateless = stateless
        self._heard: list[Heard] = []
        self.tool = McpTool("team-a/tool", self._connect, allowed, Log("info", self.sink), timing)

    def _connect(self, heard: Heard) -> FakeLink:
        link = FakeLink(self._handle, probe=self.stateless)
        link.broken = self.down
        link.deaf = self.deaf
        self.links.append(link)
        self._heard.append(heard)
        return link

    async def _handle(self, outgoing: Outgoing) -> Any:
        if outgoing.method == "tools/list":
            if self.listing is not None:
                await self.listing()
            tools = [
                {"name": name, "inputSchema": {}, "annotations": self.annotations} for name in self.names
            ]
            return {"tools": tools, "ttlMs": self.ttl}
        if outgoing.method == "tools/call":
            return await self._called()
        if outgoing.method == "subscriptions/listen":
            return await self._listened()
        capabilities = {"tools": {"listChanged": self.tells}}
        if outgoing.method == "initialize":
            return {"protocolVersion": "2025-11-25", "capabilities": capabilities}
        return {"supportedVersions": ["2026-07-28"], "capabilities": capabilities}

    async def _called(self) -> Any:
        outcome = self.calls.pop(0) if self.calls else "done"
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return {"content": [{"type": "text", "text": str(outcome)}]}

    async def _listened(self) -> Any:
        outcome = self.listen.pop(0) if self.listen else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            await asyncio.Event().wait()
        return {}

    async def call(self, function: str = "echo") -> ToolResult:
        async with asyncio.timeout(60):
            return await self.tool.call(function, {}, context())

    async def names_offered(self) -> list[str]:
        return [function.name for function in await self.tool.functions()]

    async def until_offered(self, *names: str) -> None:
        async def they_are() -> bool:
            return await self.names_offered() == list(names)

        await until(they_are)

    async def ready(self) -> None:
        await self.tool.start()
        await self.until_offered(*self.names)

    def hear(self, method: str) -> None:
        self._heard[-1](method)

    def asked(self, method: str) -> int:
        """How often, over all links."""
        return sum(link.methods().count(method) for link in self.links)

    async def logged(self, message: str) -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        lines = [msgspec.json.decode(line) for line in self.sink.getvalue().splitlines()]
        return [line for line in lines if line["message"] == message]


Make = Callable[..., World]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    worlds: list[World] = []

    def made(*arguments: Any, **options: Any) -> World:
        worlds.append(World(*arguments, **options))
        return worlds[-1]

    yield made
    for world in worlds:
        await world.tool.close()


async def test_functions_are_the_same_object_while_nothing_changes(make: Make) -> None:
    world = make()
    await world.ready()
    before = await world.tool.functions()
    world.hear(CHANGED)
    await until(lambda: _true(world.asked("tools/list") == 2))
    assert await world.tool.functions() is before


async def _true(value: bool) -> bool:
    return value


async def test_only_allowed_functions_are_offered_and_called(make: Make) -> None:
    world = make(allowed=("echo",))
    world.names = ["echo", "secret"]
    await world.tool.start()
    await world.until_offered("echo")
    assert (await world.call()).text == "done"
    refused = await world.call("secret")
    assert refused.error
    assert "does not offer this function" in refused.text
    assert world.asked("tools/call") == 1


async def test_a_chat_waits_a_moment_for_the_first_list_and_no_longer(make: Make) -> None:
    world = make(QUICK._replace(patience=0.05))
    gate = asyncio.Event()

    async def slow() -> None:
        await gate.wait()

    world.listing = slow
    await world.tool.start()
    async with asyncio.timeout(60):
        assert await world.tool.functions() == ()
    gate.set()
    await world.until_offered("echo")


async def test_a_change_that_is_told_is_looked_up(make: Make) -> None:
    world = make(stateless=False)
    world.tells = True
    await world.ready()
    await happens(world.links[-1].listening)
    world.names = ["echo", "new"]
    world.hear("notifications/progress")
    world.hear(CHANGED)
    await world.until_offered("echo", "new")


async def test_what_changed_before_changes_were_told_is_looked_up(make: Make) -> None:
    world = make()
    await world.ready()
    world.names = ["new"]
    world.hear(LISTENING)
    await world.until_offered("new")


async def test_a_stateless_server_is_asked_again_to_tell(make: Make) -> None:
    world = make()
    world.tells = True
    world.listen = [{}, GONE]
    await world.ready()
    await until(lambda: _true(world.asked("subscriptions/listen") == 3))
    assert len(world.links) == 1


async def test_a_stream_of_changes_that_breaks_is_opened_again_and_the_server_looked_for(make: Make) -> None:
    world = make(stateless=False)
    world.tells = True
    world.deaf = [GONE, GONE]
    await world.ready()
    await happens(world.links[0].listening)
    await until(lambda: _true(world.asked("tools/list") >= 2))
    assert len(world.links) == 1


@pytest.mark.parametrize("refusal", [Refused(-32601, "no"), BadStatus(405)])
async def test_a_server_that_does_not_tell_after_all_is_not_asked_again(
    make: Make, refusal: McpFault
) -> None:
    world = make()
    world.tells = True
    world.listen = [refusal]
    await world.ready()
    await until(lambda: _true(world.asked("subscriptions/listen") == 1))
    world.hear(CHANGED)
    await until(lambda: _true(world.asked("tools/list") == 2))
    assert (world.asked("subscriptions/listen"), len(world.links)) == (1, 1)


async def test_a_list_that_is_no_longer_fresh_is_asked_for_when_a_chat_wants_it(make: Make) -> None:
    world = make(QUICK._replace(least_fresh=0.0))
    await world.ready()
    world.names = ["new"]
    await world.until_offered("new")
    world.ttl = 3_600_000
    await world.until_offered("new")
    await until(lambda: _fresh(world))
    asked = world.asked("tools/list")
    for _ in range(20):
        await world.tool.functions()
    assert world.asked("tools/list") == asked


async def _fresh(world: World) -> bool:
    """Whether the server's own time of freshness has been learned."""
    await world.tool.functions()
    return world.tool._fresh_until > asyncio.get_running_loop().time() + 3000


async def test_a_server_that_is_down_at_start_is_there_once_it_is_up_and_logged_once(make: Make) -> None:
    world = make()
    world.down = NOT_SENT
    await world.tool.start()
    await until(lambda: _true(len(world.links) > 3))
    assert await world.names_offered() == []
    failed = await world.call()
    assert (failed.error, failed.text) == (True, f"The tool failed: {NOT_SENT}.")
    assert len(await world.logged("a tool's server cannot be used")) == 1
    world.down = None
    await world.until_offered("echo")
    connected = await world.logged("connected to a tool's server")
    assert [(line["revision"], line["functions"]) for line in connected] == [("2026-07-28", 1)]


async def test_the_functions_of_a_lost_server_are_offered_for_a_while_and_no_longer(make: Make) -> None:
    world = make(QUICK._replace(grace=0.3))
    await world.ready()
    world.down = NOT_SENT
    world.links[-1].lose(GONE)
    await until(lambda: _true(len(world.links) > 2))
    assert await world.names_offered() == ["echo"]
    await world.until_offered()
    world.down = None
    await world.until_offered("echo")


async def test_a_call_waits_for_a_server_that_is_being_connected_to_again(make: Make) -> None:
    world = make()
    await world.ready()
    world.down = NOT_SENT
    world.links[-1].lose(GONE)
    await until(lambda: _true(len(world.links) > 2))
    waiting = asyncio.create_task(world.call())
    tried = len(world.links)
    await until(lambda: _true(len(world.links) > tried))
    assert not waiting.done()
    world.down = None
    assert (await waiting).text == "done"


@pytest.mark.parametrize("fault", [NOT_SENT, SessionLost("its server does not know the session")])
async def test_a_call_that_was_not_carried_out_is_repeated_once_over_a_new_link(
    make: Make, fault: McpFault
) -> None:
    world = make()
    await world.ready()
    world.calls = [fault]
    assert (await world.call()).text == "done"
    assert len(world.links) == 2
    world.calls = [fault, fault]
    assert (await world.call()).text == f"The tool failed: {fault}."
    assert world.asked("tools/call") == 4


@pytest.mark.parametrize(
    ("annotations", "text"),
    [({}, f"The tool failed: {GONE}."), ({"idempotentHint": True}, "done"), ({"readOnlyHint": True}, "done")],
)
async def test_a_call_that_may_have_been_carried_out_is_repeated_only_where_that_does_no_harm(
    make: Make, annotations: dict[str, Any], text: str
) -> None:
    world = make()
    world.annotations = annotations
    await world.ready()
    world.calls = [GONE]
    assert (await world.call()).text == text
    assert (await world.call()).text == "done"


async def test_a_call_whose_headers_do_not_fit_any_more_is_repeated_after_a_look_at_the_list(
    make: Make,
) -> None:
    world = make()
    await world.ready()
    world.calls = [Refused(-32020, "Header mismatch")]
    assert (await world.call()).text == "done"
    assert [method for method in world.links[0].methods() if method.startswith("tools/")][:4] == [
        "tools/list",
        "tools/call",
        "tools/list",
        "tools/call",
    ]


async def test_a_refused_call_is_an_error_and_has_the_list_looked_up(make: Make) -> None:
    world = make()
    await world.ready()
    world.names = ["other"]
    world.calls = [Refused(-32602, "Unknown tool: echo")]
    refused = await world.call()
    assert refused.error
    assert "Unknown tool: echo" in refused.text
    await world.until_offered("other")
    assert len(world.links) == 1


async def test_a_call_that_hangs_holds_up_nothing_else(make: Make) -> None:
    world = make()
    await world.ready()
    gate = asyncio.Event()
    world.calls = [gate]
    hanging = asyncio.create_task(world.call())
    await asyncio.sleep(0)
    assert (await world.call()).text == "done"
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert (await world.call()).text == "done"


async def test_a_server_that_hangs_while_it_is_asked_is_left_and_tried_again(make: Make) -> None:
    world = make(QUICK._replace(connect=0.02))

    async def hang() -> None:
        await asyncio.Event().wait()

    world.listing = hang
    await world.tool.start()
    await until(lambda: _true(len(world.links) > 2))
    (line,) = await world.logged("a tool's server cannot be used")
    assert line["reason"] == "its server did not answer within 0.02 s"
    world.listing = None
    await world.until_offered("echo")
    world.listing = hang
    world.hear(CHANGED)
    links = len(world.links)
    await until(lambda: _true(len(world.links) > links))


async def test_what_is_left_out_is_said_once(make: Make) -> None:
    world = make()
    world.names = ["echo", ""]
    await world.tool.start()
    await world.until_offered("echo")
    world.hear(CHANGED)
    await until(lambda: _true(world.asked("tools/list") == 2))
    (line,) = await world.logged("a function of a tool is not offered")
    assert "between 1 and 256" in line["reason"]


async def test_a_mistake_of_ours_does_not_end_the_trying(make: Make) -> None:
    world = make()

    async def broken() -> None:
        raise RuntimeError("ours")

    world.listing = broken
    await world.tool.start()
    await until(lambda: _true(len(world.links) > 1))
    assert (await world.logged("a tool's server broke its client"))[0]["trace"].endswith("ours\n")
    world.listing = None
    await world.until_offered("echo")


async def test_only_a_tool_that_is_closed_says_goodbye(make: Make) -> None:
    world = make()
    await world.ready()
    world.links[0].lose(GONE)
    await until(lambda: _true(len(world.links) == 2))
    await world.until_offered("echo")
    await world.tool.close()
    assert [link.farewells for link in world.links] == [[False], [True]]


async def test_a_tool_that_was_never_started_can_be_closed(make: Make) -> None:
    await make().tool.close()


async def test_pauses_grow_and_are_cut_short_when_somebody_wants_the_server(make: Make) -> None:
    world = make(QUICK._replace(first_pause=3600.0, longest_pause=3600.0))
    world.down = NOT_SENT
    await world.tool.start()
    await until(lambda: _true(len(world.links) == 1))
    await world.tool.functions()
    await until(lambda: _true(len(world.links) == 2))
