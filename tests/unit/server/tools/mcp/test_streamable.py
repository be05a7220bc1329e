"""Requests over Streamable HTTP: what goes along, every way of answering, and every way of not doing so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, Refused, SessionLost, Unreachable
from gagarin.server.tools.mcp.link import LISTENING, STATELESS_VERSION, Outgoing
from gagarin.server.tools.mcp.messages import MAX_MESSAGE_BYTES
from gagarin.server.tools.mcp.streamable import StreamableLink
from tests.unit.server.tools.mcp import scripted
from tests.unit.server.tools.mcp.scripted import Json, ScriptedServer, reach
from tests.unit.server.waiting import happens, until

CALL = Outgoing("tools/call", {"name": "echo"}, "echo", {"traceparent": "00-1"})
RESULT = {"id": ..., "result": {"content": []}}


class Linked:
    """A link, what it heard, and a session with the server."""

    def __init__(self, server: ScriptedServer, session: aiohttp.ClientSession) -> None:
        self.heard: list[str] = []
        self.link = StreamableLink(reach(server, session), self.heard.append, pause=0.01)

    async def greet(self, version: str = "2025-11-25") -> None:
        await self.link.request(Outgoing("initialize", {}))
        self.link.agree(version)

    async def call(self) -> Any:
        async with asyncio.timeout(60):
            return msgspec.json.decode(await self.link.request(CALL))


@pytest.fixture
def linked(server: ScriptedServer, session: aiohttp.ClientSession) -> Linked:
    return Linked(server, session)


async def fails(waiting: Awaitable[Any], kind: type[McpFault], words: str) -> None:
    with pytest.raises(McpFault, match=words) as caught:
        await waiting
    assert type(caught.value) is kind


async def test_a_stateless_request_says_in_headers_what_it_is_about(
    linked: Linked, server: ScriptedServer
) -> None:
    linked.link.agree(STATELESS_VERSION)
    await linked.call()
    headers = server.last("tools/call").headers
    assert headers["MCP-Protocol-Version"] == "2026-07-28"
    assert headers["Mcp-Method"] == "tools/call"
    assert headers["Mcp-Name"] == "echo"
    assert headers["traceparent"] == "00-1"
    assert headers["Accept"] == "application/json, text/event-stream"
    await linked.link.request(CALL._replace(name="grüße"))
    assert server.last("tools/call").headers["Mcp-Name"] == "=?base64?Z3LDvMOfZQ==?="


async def test_a_session_and_the_revision_go_along_once_they_are_agreed_on(
    linked: Linked, server: ScriptedServer
) -> None:
    server.session = "s-1"
    await linked.greet()
    assert "MCP-Protocol-Version" not in server.last("initialize").headers
    await linked.call()
    headers = server.last("tools/call").headers
    assert (headers["Mcp-Session-Id"], headers["MCP-Protocol-Version"]) == ("s-1", "2025-11-25")
    assert "Mcp-Method" not in headers


async def test_the_farewell_ends_the_session(linked: Linked, server: ScriptedServer) -> None:
    server.session = "s-1"
    await linked.greet()
    await linked.link.close(farewell=True)
    assert server.last("DELETE").headers["Mcp-Session-Id"] == "s-1"


async def test_without_a_session_or_a_farewell_nothing_is_said(
    linked: Linked, server: ScriptedServer
) -> None:
    await linked.greet()
    await linked.link.close(farewell=True)
    server.session = "s-1"
    await linked.greet()
    await linked.link.close(farewell=False)
    assert "DELETE" not in server.methods()


async def test_an_answer_may_be_in_a_stream_after_other_things(
    linked: Linked, server: ScriptedServer
) -> None:
    server.on["tools/call"] = [
        scripted.streaming(
            b": welcome\n\n",
            b"event: other\ndata: {}\n\n",
            {"method": "notifications/progress", "params": {"progress": 1}},
            {"method": "notifications/message", "params": {"data": "so"}},
            {"id": "q1", "method": "ping"},
            {"id": "q2", "method": "sampling/createMessage", "params": {}},
            {"id": 999, "result": {"wrong": True}},
            RESULT,
            RESULT,
        )
    ]
    assert await linked.call() == {"content": []}
    await linked.link.close(farewell=False)
    assert linked.heard == ["notifications/progress", "notifications/message"]
    answers = {got.message["id"]: got.message for got in server.got if got.method == "answer"}
    assert answers["q1"]["result"] == {}
    assert answers["q2"]["error"]["code"] == -32601


async def test_connections_are_used_again(linked: Linked, server: ScriptedServer) -> None:
    peers = set()

    async def behave(request: web.Request, message: Json) -> web.StreamResponse:
        peers.add(request.transport and request.transport.get_extra_info("peername"))
        return await scripted.streaming(RESULT)(request, message)

    server.on["tools/call"] = [behave]
    for _ in range(5):
        await linked.call()
        await linked.link._server.close()
    assert len(peers) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON-RPC"),
        (b"<html>", "not JSON-RPC"),
        (b"\xff\xfe", "not JSON-RPC"),
        (b'[{"id":1,"result":{}}]', "several messages"),
        (b'{"id":77,"result":{}}', "another request"),
        (b'{"id":"1","result":{}}', "another request"),
        (b'{"method":"ping"}', "another request"),
        (b'{"id":1}', "without method, result and error"),
    ],
)
async def test_an_answer_that_is_none_is_nonsense(
    linked: Linked, server: ScriptedServer, body: bytes, words: str
) -> None:
    server.on["tools/call"] = [scripted.saying(body)]
    await fails(linked.call(), Nonsense, words)


@pytest.mark.parametrize("data", [b"hello", b"\xff", b"[]", b'{"id":1'])
async def test_an_event_that_is_no_message_is_nonsense(
    linked: Linked, server: ScriptedServer, data: bytes
) -> None:
    server.on["tools/call"] = [scripted.streaming(b"data: " + data + b"\n\n", RESULT)]
    await fails(linked.call(), Nonsense, "its server sent")


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    linked: Linked, server: ScriptedServer, streamed: bool
) -> None:
    sent = 0

    async def behave(request: web.Request, _: Json) -> web.StreamResponse:
        nonlocal sent
        kind = "text/event-stream" if streamed else "application/json"
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        await response.write(b"data: " if streamed else b'{"id":1,"result":"')
        while sent < 100 * MAX_MESSAGE_BYTES:
            await response.write(b"x" * 65536)
            sent += 65536
        return response

    server.on["tools/call"] = [behave]
    await fails(linked.call(), Nonsense, "more than 4194304 bytes")
    assert sent < 10 * MAX_MESSAGE_BYTES


async def test_an_error_of_the_server_is_passed_on(linked: Linked, server: ScriptedServer) -> None:
    server.on["tools/call"] = [scripted.refusing(-32602, "Unknown tool: echo")]
    await fails(linked.call(), Refused, r"Unknown tool: echo \(code -32602\)")
    server.on["tools/call"] = [scripted.refusing(-32601, "no such method", status=404)]
    await fails(linked.call(), Refused, "no such method")
    nameless = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"cannot read"}}'
    server.on["tools/call"] = [scripted.saying(nameless, status=400)]
    await fails(linked.call(), Refused, "cannot read")


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "see the auth of the Tool"), (404, "transport: SSE"), (500, "status 500"), (202, "status 202")],
)
async def test_a_status_without_an_answer_is_said(
    linked: Linked, server: ScriptedServer, status: int, words: str
) -> None:
    server.on["tools/call"] = [scripted.saying(b"<html>" if status != 202 else b"", status=status)]
    await fails(linked.call(), BadStatus, words)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_session_that_the_server_forgot_is_lost(
    linked: Linked, server: ScriptedServer, status: int
) -> None:
    server.session = "s-1"
    await linked.greet()
    server.on["tools/call"] = [
        scripted.saying(b'{"error":{"code":-32600,"message":"x"},"id":"?"}', status=status)
    ]
    await fails(linked.call(), SessionLost, "session")


async def test_a_refusal_with_status_400_does_not_end_a_session(
    linked: Linked, server: ScriptedServer
) -> None:
    server.session = "s-1"
    await linked.greet()
    server.on["tools/call"] = [scripted.refusing(-32602, "wrong arguments", status=400)]
    await fails(linked.call(), Refused, "wrong arguments")


async def test_a_server_that_is_not_there_has_not_carried_anything_out(
    linked: Linked, server: ScriptedServer
) -> None:
    await server.stop()
    with pytest.raises(Unreachable, match="it cannot be reached: connect") as caught:
        await linked.call()
    assert not caught.value.delivered


@pytest.mark.parametrize(
    "behaviour",
    [
        scripted.hanging_up(),
        scripted.streaming(b": hello\n\n", cut=True),
        scripted.streaming(b": hello\n\n"),
    ],
)
async def test_a_connection_that_breaks_leaves_open_what_was_carried_out(
    linked: Linked, server: ScriptedServer, behaviour: scripted.Behaviour
) -> None:
    server.on["tools/call"] = [behaviour]
    with pytest.raises(Unreachable) as caught:
        await linked.call()
    assert caught.value.delivered


@pytest.mark.parametrize("cut", [False, True])
async def test_a_stream_with_ids_is_taken_up_where_it_was_broken_off(
    linked: Linked, server: ScriptedServer, cut: bool
) -> None:
    await linked.greet()
    server.on["tools/call"] = [scripted.streaming(b"id: e1\nretry: 1\ndata:\n\n", cut=cut)]
    answer = scripted.event({"id": 2, "result": {"late": True}}, {})
    server.on["GET"] = [
        scripted.streaming(b"id: e2\ndata:\n\n", cut=cut),
        scripted.hanging_up(),
        scripted.streaming(answer),
    ]
    assert await linked.call() == {"late": True}
    asked = [got.headers["Last-Event-ID"] for got in server.got if got.http == "GET"]
    assert asked == ["e1", "e2", "e2"]


async def test_a_stream_is_not_taken_up_for_ever(linked: Linked, server: ScriptedServer) -> None:
    server.on["tools/call"] = [scripted.streaming(b"id: e1\nretry: 1\ndata:\n\n")]
    server.on["GET"] = [scripted.streaming(b": nothing new\n\n")]
    await fails(linked.call(), Unreachable, "too often")
    assert server.methods().count("GET") == 5


async def test_a_server_that_refuses_to_go_on_with_a_stream_is_believed(
    linked: Linked, server: ScriptedServer
) -> None:
    server.on["tools/call"] = [scripted.streaming(b"id: e1\nretry: 1\ndata:\n\n")]
    await fails(linked.call(), Unreachable, "broke off the answer")
    assert server.methods().count("GET") == 1


async def given_up(request: Coroutine[Any, Any, bytes], server: ScriptedServer, method: str) -> None:
    """Nobody waits for it any more, once the server has it."""

    async def arrived() -> bool:
        return method in server.methods()

    asking = asyncio.create_task(request)
    await until(arrived)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("stateless", [False, True])
async def test_a_call_that_nobody_waits_for_is_cancelled_in_the_way_of_the_revision(
    linked: Linked, server: ScriptedServer, stateless: bool
) -> None:
    gone = asyncio.Event()
    server.on["tools/call"] = [scripted.hanging(asyncio.Event(), gone)]
    linked.link.agree(STATELESS_VERSION if stateless else "2025-11-25")
    await given_up(linked.link.request(CALL), server, "tools/call")
    await happens(gone)
    await linked.link.close(farewell=False)
    cancelled = [got.message["params"]["requestId"] for got in server.got if "cancelled" in got.method]
    assert cancelled == ([] if stateless else [server.last("tools/call").message["id"]])


async def test_a_greeting_is_never_cancelled(linked: Linked, server: ScriptedServer) -> None:
    server.on["initialize"] = [scripted.hanging(asyncio.Event())]
    await given_up(linked.link.request(Outgoing("initialize", {}, cancellable=False)), server, "initialize")
    await linked.link.close(farewell=False)
    assert server.methods() == ["initialize"]


async def test_what_the_server_says_unasked_is_heard_again_and_again(
    linked: Linked, server: ScriptedServer
) -> None:
    server.session = "s-1"
    await linked.greet()
    told = scripted.event({"method": "notifications/tools/list_changed"}, {})
    server.on["GET"] = [
        scripted.streaming(b"id: 5\n" + told),
        scripted.streaming(told, {"id": "q", "method": "ping"}, cut=True),
        scripted.saying(b"", status=404),
    ]
    await fails(linked.link.listen(), SessionLost, "session")
    assert linked.heard == [LISTENING, *["notifications/tools/list_changed"] * 2]
    assert server.last("GET").headers["Last-Event-ID"] == "5"


async def test_a_server_that_offers_no_such_stream_is_left_alone(
    linked: Linked, server: ScriptedServer
) -> None:
    await linked.link.listen()
    assert server.methods() == ["GET"]


async def test_a_redirect_to_another_server_is_not_followed(linked: Linked, server: ScriptedServer) -> None:
    async def away(_: web.Request, __: Json) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "http://127.0.0.2:1/mcp"})

    async def on(request: web.Request, __: Json) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/other"})

    server.on["tools/call"] = [on, scripted.answering({"content": []})]
    assert await linked.call() == {"content": []}
    server.on["tools/call"] = [away]
    await fails(linked.call(), McpFault, "redirects to another server")


async def test_a_metadata_address_is_never_connected_to(session: aiohttp.ClientSession) -> None:
    server = ScriptedServer()
    http = reach(server, session)
    http.url = http.url.with_host("169.254.169.254").with_port(80)
    link = StreamableLink(http, print)
    await fails(link.request(CALL), McpFault, "metadata service")


async def test_a_header_that_would_be_two_is_refused(linked: Linked) -> None:
    waiting = linked.link.request(CALL._replace(headers={"tracestate": "a\r\nb: c"}))
    await fails(waiting, McpFault, "malformed")


def test_a_url_that_is_none_is_said() -> None:
    from gagarin.server.tools.mcp.server import HttpServer

    with pytest.raises(McpFault, match="URL is wrong"):
        HttpServer("http://[nonsense", None)  # type: ignore[arg-type]  # it is not used before the URL


async def test_a_link_that_was_shown_to_be_lost_says_why(linked: Linked) -> None:
    linked.link.lose(Unreachable("gone", delivered=True))
    linked.link.lose(Unreachable("a second reason", delivered=True))
    await fails(linked.link.lost(), Unreachable, "^gone$")
