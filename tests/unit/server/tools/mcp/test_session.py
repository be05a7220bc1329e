"""Both sides agree on the newest revision that both speak, whichever era the server is of."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gagarin.server.tools.mcp import session as sessions
from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, Refused, Unreachable
from gagarin.server.tools.mcp.link import HANDSHAKE_VERSIONS, STATELESS_VERSION, Outgoing
from gagarin.server.tools.mcp.listing import Offer
from gagarin.server.tools.mcp.session import Session
from gagarin.server.tools.tool import Function
from tests.unit.server.tools.mcp.faked import FakeLink, Handler

TELLING = {"tools": {"listChanged": True}}
ECHO = Offer(Function("echo", "", {}), repeatable=False, mirrored=())
UNSUPPORTED = -32022


def server(**results: Any) -> Handler:
    """Results by method, `/` written as `_`; an exception is raised, a list used up."""

    async def handle(outgoing: Outgoing) -> Any:
        result = results.get(outgoing.method.replace("/", "_"), Refused(-32601, "Method not found"))
        if isinstance(result, list):
            result = result.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    return handle


def greeting(version: str = "2025-11-25", capabilities: Any = None) -> dict[str, Any]:
    return {"protocolVersion": version, "capabilities": capabilities or {"tools": {}}}


def discovery(*versions: str, capabilities: Any = None) -> dict[str, Any]:
    supported = versions or (STATELESS_VERSION,)
    return {"supportedVersions": supported, "capabilities": capabilities or {"tools": {}}}


async def begun(link: FakeLink) -> Session:
    return await sessions.begin(link, probe_seconds=0.05)


async def test_a_stateless_server_is_not_greeted() -> None:
    link = FakeLink(server(server_discover=discovery()))
    session = await begun(link)
    assert session.version == STATELESS_VERSION
    assert link.methods() == ["server/discover"]
    assert link.versions == [STATELESS_VERSION]
    meta = link.asked[0].params["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == STATELESS_VERSION
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert meta["io.modelcontextprotocol/clientInfo"]["name"] == "gagarin"
    assert not link.asked[0].cancellable


@pytest.mark.parametrize(
    "refusal",
    [
        Refused(-32601, "Method not found"),
        Refused(-32600, "not initialized"),
        Refused(UNSUPPORTED, "no", {"supported": ["2025-11-25"]}),
        Refused(UNSUPPORTED, "no", "nonsense"),
        BadStatus(400),
        BadStatus(404),
        BadStatus(500),
        Nonsense("html"),
        discovery("2025-11-25", "2025-06-18"),
        {"nonsense": True},
    ],
)
async def test_a_server_that_refuses_the_newer_way_in_any_way_is_greeted(refusal: Any) -> None:
    link = FakeLink(server(server_discover=refusal, initialize=greeting()))
    session = await begun(link)
    assert session.version == "2025-11-25"
    assert link.versions == [STATELESS_VERSION, None, "2025-11-25"]
    assert link.asked[1].params["protocolVersion"] == HANDSHAKE_VERSIONS[0]
    assert not link.asked[1].cancellable
    assert link.told == ["notifications/initialized"]


async def test_a_server_that_does_not_answer_the_newer_way_is_greeted() -> None:
    async def handle(outgoing: Outgoing) -> Any:
        if outgoing.method == "server/discover":
            await asyncio.Event().wait()
        return greeting("2024-11-05")

    assert (await begun(FakeLink(handle))).version == "2024-11-05"


async def test_a_link_without_the_newer_way_is_not_probed() -> None:
    link = FakeLink(server(initialize=greeting()), probe=False)
    await begun(link)
    assert link.methods() == ["initialize"]


async def test_a_stateless_server_that_was_too_slow_for_the_probe_is_probed_again() -> None:
    late = Refused(UNSUPPORTED, "stateless by now", {"supported": [STATELESS_VERSION]})
    link = FakeLink(server(server_discover=[Nonsense("not yet"), discovery()], initialize=late))
    assert (await begun(link)).version == STATELESS_VERSION
    assert link.methods() == ["server/discover", "initialize", "server/discover"]


@pytest.mark.parametrize("fault", [Unreachable("gone", delivered=False), BadStatus(401), BadStatus(403)])
async def test_a_server_that_cannot_be_asked_is_not_greeted(fault: McpFault) -> None:
    link = FakeLink(server(server_discover=fault, initialize=greeting()))
    with pytest.raises(McpFault) as caught:
        await begun(link)
    assert caught.value is fault
    assert link.methods() == ["server/discover"]


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({"server_discover": Refused(UNSUPPORTED, "x", {"supported": ["2031-01-01"]})}, "2031-01-01"),
        ({"server_discover": discovery("2031-01-01")}, "2031-01-01"),
        ({"initialize": greeting("2023-01-01")}, "speaks revision 2023-01-01"),
        ({"initialize": {"nonsense": 1}}, "greeting is malformed"),
        ({"initialize": Refused(-32603, "broken")}, "broken"),
    ],
)
async def test_a_server_with_which_nothing_can_be_agreed_on_is_said(
    results: dict[str, Any], words: str
) -> None:
    with pytest.raises(McpFault, match=words):
        await begun(FakeLink(server(**results)))


async def test_all_pages_are_listed() -> None:
    pages = [{"tools": [{"name": name, "inputSchema": {}}], "nextCursor": cursor} for name, cursor in
             [("a", "1"), ("b", None)]]  # fmt: skip
    link = FakeLink(server(initialize=greeting(), tools_list=pages), probe=False)
    listing = await (await begun(link)).listing()
    assert list(listing.offers) == ["a", "b"]
    assert [dict(outgoing.params) for outgoing in link.asked[1:]] == [{}, {"cursor": "1"}]


async def test_a_server_without_functions_is_not_asked_for_them() -> None:
    link = FakeLink(server(initialize=greeting(capabilities={"prompts": {}})), probe=False)
    session = await begun(link)
    assert (await session.listing()).offers == {}
    assert link.methods() == ["initialize"]


async def test_a_stateless_call_carries_its_trace_in_the_body_too() -> None:
    link = FakeLink(server(server_discover=discovery(), tools_call={"content": []}))
    session = await begun(link)
    await session.call(ECHO, {"a": 1}, {"traceparent": "00-1"})
    call = link.asked[-1]
    assert call.params["_meta"]["traceparent"] == "00-1"
    assert (call.params["name"], call.params["arguments"]) == ("echo", {"a": 1})
    assert (call.name, call.headers) == ("echo", {"traceparent": "00-1"})


async def test_a_call_of_the_older_era_carries_nothing_of_the_newer() -> None:
    link = FakeLink(server(initialize=greeting(), tools_call={"content": []}), probe=False)
    await (await begun(link)).call(ECHO, {}, {})
    assert link.asked[-1].params == {"name": "echo", "arguments": {}}


async def test_changes_are_listened_for_in_the_way_of_the_era_and_only_where_they_are_told() -> None:
    newer = FakeLink(server(server_discover=discovery(capabilities=TELLING), subscriptions_listen={}))
    session = await begun(newer)
    assert session.tells
    await session.listen()
    assert newer.asked[-1].params["notifications"] == {"toolsListChanged": True}
    older = FakeLink(server(initialize=greeting(capabilities=TELLING)), probe=False)
    await (await begun(older)).listen()
    assert older.listening.is_set()
    silent = FakeLink(server(initialize=greeting()), probe=False)
    await (await begun(silent)).listen()
    assert not silent.listening.is_set()
