"""Agents that call agents: who the other one sees, which conversation it goes on with, how deep it may go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gagarin.core.config import AgentPeer
from gagarin.server.auth.identity import Owner
from gagarin.server.tools import agent
from gagarin.server.tools.agent import AgentTool
from gagarin.server.tools.tool import ToolResult
from tests.unit.server.tools.making import made
from tests.unit.server.tools.server import ToolServer, saying
from tests.unit.server.turning import context


class Peer(ToolServer):
    """Another Instance, as far as its callers see it: conversations by end user."""

    def __init__(self) -> None:
        super().__init__()
        self.conversations: dict[str, str] = {}  # the newest one of each end user
        self.begun = 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path == "/chat" and not self.behaviours:
            self.behaviours.append(self._chat)
        if request.path == "/conversations" and not self.behaviours:
            self.behaviours.append(self._list)
        del body
        return await super()._handle(request)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = msgspec.json.decode(await request.read())
        end_user = request.headers["Gagarin-End-User"]
        conversation = asked.get("conversation")
        if conversation is None:
            self.begun += 1
            conversation = self.conversations[end_user] = f"peer-{self.begun}"
        elif self.conversations.get(end_user) != conversation:
            return await saying({"title": "none", "detail": "no such conversation"}, 404)(request)
        return await saying({"answer": f"Re: {asked['input']}", "conversation": conversation})(request)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        found = self.conversations.get(request.headers["Gagarin-End-User"])
        return await saying({"conversations": [{"id": found}] if found else []})(request)

    def asked(self) -> list[Any]:
        """The conversations that were named with the messages."""
        return [got.json.get("conversation") for got in self.got if got.path == "/chat"]


class Rig:
    """This pod's tool for the peer."""

    def __init__(self, session: aiohttp.ClientSession, peer: Peer, folder: Path) -> None:
        self.peer = peer
        self.session = session
        self.folder = folder
        (folder / "token").write_text("my-token")

    def tool(self, allowed: tuple[str, ...] | None = None) -> AgentTool:
        peer = AgentPeer(
            name="helper", namespace="team-b", url=self.peer.url, token_file="token", description="Knows all."
        )
        tool = made(self.session, self.folder, type="Agent", agent=peer, allowed_functions=allowed)
        assert isinstance(tool, AgentTool)
        return tool


async def ask(tool: AgentTool, text: str = "Hello", **changed: Any) -> ToolResult:
    return await tool.call("helper", {"input": text}, context(**changed))


@pytest.fixture
async def peer() -> Any:
    server = Peer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def rig(session: aiohttp.ClientSession, peer: Peer, tmp_path: Path) -> Rig:
    return Rig(session, peer, tmp_path)


async def test_it_offers_one_function_that_takes_a_message(rig: Rig) -> None:
    (function,) = await rig.tool().functions()
    assert (function.name, function.description) == ("helper", "Knows all.")
    assert function.parameters["required"] == ["input"]


async def test_one_that_is_not_allowed_is_not_offered(rig: Rig) -> None:
    assert not await rig.tool(allowed=("other",)).functions()
    assert await rig.tool(allowed=("helper",)).functions()


async def test_the_other_agent_is_asked_with_our_token_and_told_how_deep_it_is(rig: Rig) -> None:
    result = await ask(rig.tool(), depth=2, trace={"traceparent": "00-a"})
    assert result == ToolResult("Re: Hello")
    got = rig.peer.got[-1]
    assert (got.method, got.path) == ("POST", "/chat")
    assert (got.headers["Authorization"], got.headers["Gagarin-Depth"]) == ("Bearer my-token", "3")
    assert got.headers["traceparent"] == "00-a"


async def test_one_conversation_here_is_one_there(rig: Rig) -> None:
    tool = rig.tool()
    for text in ("one", "two"):
        await ask(tool, text)
    assert rig.peer.asked() == [None, "peer-1"]


async def test_other_conversations_and_other_owners_have_their_own(rig: Rig) -> None:
    tool = rig.tool()
    await ask(tool)
    await ask(tool, conversation="c2")
    await ask(tool, owner=Owner("issuer", "someone", "uid"))
    await ask(tool, owner=Owner("issuer", "someone", "uid", "person"))
    assert rig.peer.asked() == [None] * 4
    assert len({got.headers["Gagarin-End-User"] for got in rig.peer.got}) == 4


async def test_after_a_restart_the_conversation_goes_on(rig: Rig) -> None:
    await ask(rig.tool())
    await ask(rig.tool(), "And now?")
    assert rig.peer.asked() == [None, "peer-1"]


async def test_who_may_not_list_conversations_begins_a_new_one_after_a_restart(rig: Rig) -> None:
    rig.peer.behaviours = [saying({"detail": "no"}, 403)]
    assert await ask(rig.tool()) == ToolResult("Re: Hello")
    assert rig.peer.asked() == [None]


async def test_a_conversation_that_the_other_one_lost_is_begun_anew(rig: Rig) -> None:
    tool = rig.tool()
    await ask(tool)
    rig.peer.conversations.clear()
    assert await ask(tool) == ToolResult("Re: Hello")
    assert await ask(tool) == ToolResult("Re: Hello")
    assert rig.peer.asked() == [None, "peer-1", None, "peer-2"]


async def test_a_chat_that_is_not_kept_is_not_continued(rig: Rig) -> None:
    tool = rig.tool()
    for _ in range(2):
        await ask(tool, conversation=None)
    assert rig.peer.asked() == [None, None]
    assert all(got.path == "/chat" for got in rig.peer.got)


async def test_calls_at_the_same_time_follow_each_other_in_one_conversation(rig: Rig) -> None:
    tool = rig.tool()
    results = await asyncio.gather(*(ask(tool, str(number)) for number in range(3)))
    assert [result.text for result in results] == ["Re: 0", "Re: 1", "Re: 2"]
    assert rig.peer.asked() == [None, "peer-1", "peer-1"]


async def test_agents_do_not_call_each_other_without_end(rig: Rig) -> None:
    result = await ask(rig.tool(), depth=agent.MAX_DEPTH)
    assert (result.error, rig.peer.got) == (True, [])


async def test_a_token_is_read_again_when_it_is_refused(rig: Rig) -> None:
    async def rotate(request: Any) -> Any:
        (rig.folder / "token").write_text("next-token")
        return await saying({"detail": "expired"}, 401)(request)

    rig.peer.behaviours = [rotate]
    assert await ask(rig.tool(), conversation=None) == ToolResult("Re: Hello")
    assert rig.peer.got[-1].headers["Authorization"] == "Bearer next-token"


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (saying({"detail": "may not create"}, 403), "The agent answered with status 403: may not create"),
        (saying("<html>", 502, "text/html"), "The tool answered with status 502. <html>"),
        (
            saying("nonsense"),
            "The agent failed: it answered with something that is no answer of an Instance.",
        ),
    ],
)
async def test_a_failure_of_the_other_one_is_a_result(rig: Rig, behaviour: Any, told: str) -> None:
    rig.peer.behaviours = [behaviour]
    assert await ask(rig.tool(), conversation=None) == ToolResult(told, error=True)


async def test_one_that_is_down_is_a_result(rig: Rig) -> None:
    await rig.peer.stop()
    assert (await ask(rig.tool())).text == "The agent failed: it cannot be reached: connection refused."


async def test_conversations_are_remembered_within_a_bound(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "MAX_KNOWN", 2)
    tool = rig.tool()
    for name in ("a", "b", "c"):
        await ask(tool, conversation=name)
    assert len(tool._threads) == 2
    await ask(tool, conversation="a")
    assert rig.peer.asked()[-1] == "peer-1"
