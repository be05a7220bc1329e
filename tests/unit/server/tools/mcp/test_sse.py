"""The older transport: a stream from the server that names where to post, and nothing else is believed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, SessionLost, Unreachable
from gagarin.server.tools.mcp.link import Outgoing
from gagarin.server.tools.mcp.sse import SseLink
from gagarin.serving.logs import Log
from tests.unit.server.tools.mcp import scripted
from tests.unit.server.tools.mcp.scripted import Json, ScriptedServer, reach

CALL = Outgoing("tools/call", {"name": "echo"})


class Streamed:
    """A server whose answers go over the stream; `events` is what is still to be said there."""

    def __init__(self, server: ScriptedServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.heard: list[str] = []
        server.on["GET"] = [self._stream]
        server.on["tools/call"] = [self._post]
        self.link = SseLink(
            reach(server, session), "team-a/tool", self.heard.append, Log("info", io.BytesIO())
        )

    def begin(self, address: bytes = b"/messages/?session_id=1") -> None:
        self.events.put_nowait(b"event: endpoint\ndata: " + address + b"\n\n")

    async def _stream(self, request: web.Request, _: Json) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while (part := await self.events.get()) is not None:
            await response.write(part)
        return response

    async def _post(self, request: web.Request, message: Json) -> web.StreamResponse:
        assert request.path_qs == "/messages/?session_id=1"
        self.events.put_nowait(scripted.event({"id": ..., "result": {"ok": True}}, message))
        return web.Response(status=202)


@pytest.fixture
async def streamed(server: ScriptedServer, session: aiohttp.ClientSession) -> AsyncIterator[Streamed]:
    both = Streamed(server, session)
    yield both
    await both.link.close(farewell=True)


async def fails(waiting: Awaitable[Any], kind: type[McpFault], words: str) -> None:
    with pytest.raises(McpFault, match=words) as caught:
        async with asyncio.timeout(60):
            await waiting
    assert type(caught.value) is kind


async def test_messages_are_posted_to_where_the_server_says_and_answered_on_the_stream(
    streamed: Streamed,
) -> None:
    streamed.begin()
    streamed.begin(b"/elsewhere")
    streamed.events.put_nowait(b'event: other\ndata: {"method":"x"}\n\n')
    streamed.events.put_nowait(b'data: {"method":"notifications/tools/list_changed"}\n\n')
    await streamed.link.open()
    assert msgspec.json.decode(await streamed.link.request(CALL)) == {"ok": True}
    assert streamed.heard == ["notifications/tools/list_changed"]


@pytest.mark.parametrize("address", [b"http://127.0.0.2/x", b"//evil/x", b"http://[", b"file:///etc/passwd"])
async def test_an_address_on_another_server_is_refused(streamed: Streamed, address: bytes) -> None:
    streamed.begin(address)
    await fails(streamed.link.open(), McpFault, "not its own")


async def test_a_stream_that_is_none_is_said(streamed: Streamed) -> None:
    streamed.server.on["GET"] = [scripted.saying(b"{}")]
    await fails(streamed.link.open(), Nonsense, "does not answer with a stream")


async def test_a_status_is_said(streamed: Streamed) -> None:
    streamed.server.on["GET"] = [scripted.saying(b"", status=401)]
    await fails(streamed.link.open(), BadStatus, "401; see the auth of the Tool")


async def test_a_server_that_is_not_there_is_said(streamed: Streamed) -> None:
    await streamed.server.stop()
    await fails(streamed.link.open(), Unreachable, "cannot be reached")


async def test_a_stream_that_ends_fails_what_waits(streamed: Streamed) -> None:
    streamed.begin()
    await streamed.link.open()
    streamed.server.on["tools/call"] = [scripted.saying(b"", status=202)]
    asked = asyncio.create_task(streamed.link.request(CALL))
    await asyncio.sleep(0)
    streamed.events.put_nowait(None)
    await fails(asked, Unreachable, "closed the connection")
    await fails(streamed.link.request(CALL), Unreachable, "closed the connection")
    await fails(streamed.link.notify("x"), Unreachable, "closed the connection")


async def test_a_session_that_is_forgotten_ends_the_link(streamed: Streamed) -> None:
    streamed.begin()
    await streamed.link.open()
    streamed.server.on["tools/call"] = [scripted.saying(b"", status=404)]
    await fails(streamed.link.request(CALL), SessionLost, "session")
    await fails(streamed.link.lost(), SessionLost, "session")


async def test_a_post_that_is_refused_fails_that_call_only(streamed: Streamed) -> None:
    streamed.begin()
    await streamed.link.open()
    streamed.server.on["tools/call"] = [scripted.saying(b"", status=500), streamed._post]
    await fails(streamed.link.request(CALL), BadStatus, "status 500")
    assert msgspec.json.decode(await streamed.link.request(CALL)) == {"ok": True}


async def test_an_answer_that_is_too_long_fails_its_call_only(streamed: Streamed) -> None:
    async def long(_: web.Request, message: Json) -> web.StreamResponse:
        head = b'data: {"jsonrpc":"2.0","id":%d,"result":"' % message["id"]
        streamed.events.put_nowait(head + b"x" * 10_000_000 + b'"}\n\n')
        return web.Response(status=202)

    streamed.begin()
    await streamed.link.open()
    streamed.server.on["tools/call"] = [long, streamed._post]
    await fails(streamed.link.request(CALL), Nonsense, "more than 4194304 bytes")
    assert msgspec.json.decode(await streamed.link.request(CALL)) == {"ok": True}
