"""A conversation over a WebSocket: who is let in, what goes over it, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web

from gagarin.core.config import Limits
from gagarin.server import replies, websocket
from gagarin.server.socketsession import MAX_WAITING
from gagarin.serving import connections
from tests.unit.server.auth.oracle import account
from tests.unit.server.serving import Api, serving
from tests.unit.server.test_app import BrokenStore
from tests.unit.server.turning import FakeTool, echo
from tests.unit.server.upstream import (
    DONE,
    FINISH,
    USAGE,
    Upstream,
    called,
    calling,
    failing,
    piece,
    silent,
    sse,
    writing,
)
from tests.unit.server.waiting import happens, until

Frame = dict[str, Any]


@pytest.fixture
async def api(upstream: Upstream, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(upstream, tmp_path) as made:
        yield made


@asynccontextmanager
async def connected(
    api: Api, query: str = "", name: str = "caller", **options: Any
) -> AsyncIterator[ClientWebSocketResponse]:
    """An open socket, with its first frame still to be read."""
    headers = {**api.headers(name), **options.pop("headers", {})}
    async with api.session.ws_connect(f"{api.url}/ws{query}", headers=headers, **options) as socket:
        yield socket


async def frame(socket: ClientWebSocketResponse) -> Frame:
    """The next one."""
    async with asyncio.timeout(60):
        message = await socket.receive()
    assert message.type is WSMsgType.TEXT, message
    return dict(msgspec.json.decode(message.data))


async def frames(socket: ClientWebSocketResponse, last: str = "done") -> list[Frame]:
    """Up to one of a type."""
    found = [await frame(socket)]
    while found[-1]["type"] != last:
        found.append(await frame(socket))
    return found


async def endless(request: web.Request) -> web.StreamResponse:
    """An answer without an end."""
    response = await writing()(request)
    while True:
        await response.write(sse(piece("x" * 10_000)))


async def waiting_for_reader(api: Api, size: int) -> None:
    """Until so many bytes wait in the server for the one client that there is."""
    (session,) = api.made._sockets._sessions
    transport = session._request.transport
    assert transport is not None

    async def waits() -> bool:
        return transport.get_write_buffer_size() >= size

    await until(waits)


async def closed(socket: ClientWebSocketResponse) -> int | None:
    """The code, once it is closed."""
    async with asyncio.timeout(60):
        while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            pass
    return socket.close_code


async def test_a_message_is_answered_as_it_is_made(api: Api) -> None:
    async with connected(api) as socket:
        assert await frame(socket) == {
            "type": "history",
            "conversation": None,
            "messages": [],
            "before": None,
        }
        await socket.send_str("Hello")
        begin, *tokens, usage, done = await frames(socket)
        conversation = begin["conversation"]
        assert begin == {"type": "begin", "conversation": conversation}
        assert "".join(token.pop("text") for token in tokens) == "Good day."
        assert tokens == [{"type": "token"}] * len(tokens)
        assert usage == {"type": "usage", **USAGE}
        assert done == {"type": "done", "conversation": conversation}
    assert socket.close_code == 1000


async def test_messages_of_one_socket_are_one_conversation_and_it_can_be_taken_up_again(
    api: Api, upstream: Upstream
) -> None:
    async with connected(api) as socket:
        await frame(socket)
        await socket.send_str("one")
        conversation = (await frames(socket))[-1]["conversation"]
        await socket.send_json({"input": "two", "conversation": conversation})
        assert (await frames(socket))[-1]["conversation"] == conversation
    async with connected(api, f"?conversation={conversation}") as socket:
        history = await frame(socket)
        assert [message["content"] for message in history["messages"]] == [
            "one",
            "Good day.",
            "two",
            "Good day.",
        ]
        await socket.send_json({"type": "message", "input": "three"})
        await frames(socket)
    assert [message["content"] for message in upstream.bodies[-1]["messages"][1:]] == [
        "one",
        "Good day.",
        "two",
        "Good day.",
        "three",
    ]


async def test_tool_calls_are_shown(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, tools=[FakeTool(say=echo)]) as api, connected(api) as socket:
        upstream.behaviours = [calling(called("say", '{"text": "x"}', id="c1"))]
        await socket.send_str("Hello")
        tools = [each for each in await frames(socket) if each["type"] == "tool"]
    assert [(tool["name"], tool["arguments"], tool["outcome"]) for tool in tools] == [
        ("say", {"text": "x"}, "running"),
        ("say", {"text": "x"}, "ok"),
    ]


async def test_a_browser_s_token_comes_as_a_subprotocol_and_is_not_given_back(api: Api) -> None:
    offers = ("gagarin.v1", f"bearer.{api.oracle.issuer.token()}")
    async with api.session.ws_connect(f"{api.url}/ws", protocols=offers) as socket:
        assert socket.protocol == "gagarin.v1"
        assert (await frame(socket))["type"] == "history"
    api.made._log.flush()
    assert b"bearer" not in api.sink.getvalue()


async def test_without_a_subprotocol_none_is_selected(api: Api) -> None:
    async with connected(api) as socket:
        assert socket.protocol is None


async def refused(api: Api, path: str = "/ws", **options: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await api.session.ws_connect(api.url + path, **options)
    return caught.value.status


async def test_who_may_not_is_told_before_the_handshake(api: Api) -> None:
    token = api.oracle.issuer.token
    assert await refused(api) == 401
    assert await refused(api, protocols=("gagarin.v1", "bearer.nonsense")) == 401
    assert await refused(api, headers=api.headers("stranger")) == 403
    assert await refused(api, protocols=(f"bearer.{token()}",)) == 400
    assert await refused(api, protocols=("gagarin.v2",), headers=api.headers()) == 400
    assert await refused(api, protocols=("gagarin.v1", f"bearer.{token()}", "bearer.x")) == 400
    assert await refused(api, "/ws?conversation=none", headers=api.headers()) == 404
    assert await refused(api, "/ws?conversation=%C3%A9", headers=api.headers()) == 404
    api.made._log.flush()
    assert token().encode()[:100] not in api.sink.getvalue()


async def test_somebody_else_s_conversation_is_unknown(api: Api) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "Hello"})
    path = f"/ws?conversation={answer['conversation']}"
    assert await refused(api, path, headers=api.headers("other")) == 404


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**UPGRADE, "Sec-WebSocket-Version": "12"},
        {**UPGRADE, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "short"},
        {**UPGRADE, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "\u00e9"},
    ],
)
async def test_what_is_no_handshake_is_told_what_one_is(api: Api, headers: dict[str, str]) -> None:
    async with api.session.get(f"{api.url}/ws", headers=api.headers(**headers)) as response:
        assert (response.status, response.headers["Sec-WebSocket-Version"]) == (426, "13")


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        ("", "invalid-field"),
        (" \n", "invalid-field"),
        ("x" * 101, "invalid-field"),
        ("{", "malformed-body"),
        ('{"input": 1}', "invalid-field"),
        ("{}", "invalid-field"),
        ('{"type": "shout"}', "invalid-field"),
        ('{"input": "a", "inputs": 1}', "invalid-field"),
        ('{"input": "a", "conversation": "another"}', "invalid-field"),
    ],
)
async def test_a_wrong_message_is_an_error_and_the_socket_goes_on(
    upstream: Upstream, tmp_path: Path, said: str, slug: str
) -> None:
    limits = Limits(max_input_chars=100)
    async with serving(upstream, tmp_path, limits=limits) as api, connected(api) as socket:
        await frame(socket)
        await socket.send_str(said)
        error = await frame(socket)
        assert (error["type"], error["problem"]["type"].rpartition("/")[2]) == ("error", slug)
        await socket.send_str("Hello")
        assert (await frames(socket))[-1]["type"] == "done"


async def test_bytes_are_not_understood(api: Api) -> None:
    async with connected(api) as socket:
        await socket.send_bytes(b"Hello")
        assert await closed(socket) == 1003


async def test_a_message_that_is_too_big_closes_the_socket(api: Api) -> None:
    async with connected(api) as socket:
        await socket.send_str("x" * 500_000)
        assert await closed(socket) == 1009


async def test_a_provider_that_fails_is_an_error_and_the_socket_goes_on(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [failing(400)]
    async with connected(api) as socket:
        await frame(socket)
        await socket.send_str("Hello")
        (error,) = await frames(socket, "error")
        assert error["problem"]["status"] == 502
        await socket.send_str("Hello")
        await frames(socket)


async def test_an_answer_can_be_cancelled_and_the_next_one_comes(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    async with connected(api) as socket:
        await frame(socket)
        await socket.send_json({"type": "cancel"})  # there is nothing to cancel yet
        await socket.send_str("Hello")
        await frames(socket, "token")
        await socket.send_str("And now?")
        await socket.send_json({"type": "cancel"})
        assert (await frame(socket))["type"] == "cancelled"
        await happens(upstream.abandoned)
        assert (await frames(socket))[-1]["type"] == "done"


async def test_few_messages_may_wait(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    async with connected(api) as socket:
        await frame(socket)
        await socket.send_str("first")
        await upstream.asked.wait()
        for number in range(MAX_WAITING + 1):
            await socket.send_str(f"waiting {number}")
        error = await frame(socket)
        assert error["problem"]["status"] == 429
        upstream.proceed.set()
        for _ in range(MAX_WAITING + 1):
            await frames(socket)
    assert len(upstream.bodies) == MAX_WAITING + 1


async def test_one_who_leaves_stops_the_model_call(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    async with connected(api) as socket:
        await socket.send_str("Hello")
        await frames(socket, "token")
    await happens(upstream.abandoned)

    async def logged() -> bool:
        return len(api.log("access")) == 2

    await until(logged)
    message, whole = api.log("access")
    assert (message["method"], message["path"], message["status"]) == ("MESSAGE", "/ws", 499)
    assert whole["method"] == "GET"
    assert not api.made._sockets._sessions


async def test_each_answer_is_a_line_of_the_access_log(api: Api) -> None:
    async with connected(api) as socket:
        await socket.send_str("Hello")
        conversation = (await frames(socket))[-1]["conversation"]

    async def logged() -> bool:
        return bool(api.log("access"))

    await until(logged)
    line = api.log("access")[0]
    assert line | {"caller": account("caller").user, "conversation": conversation} == line
    assert line | {"status": 200, "model": "small", "prompt_tokens": 7, "completion_tokens": 3} == line


async def test_a_socket_is_closed_when_its_token_expires(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    token = api.oracle.issuer.token(exp=time.time() + 2)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        connected(api, headers=headers) as idle,
        connected(api, headers=headers) as busy,
    ):
        await frame(busy)
        await busy.send_str("Hello")
        assert (await frame(busy))["problem"]["status"] == 401
        assert await closed(busy) == 4401
        assert await closed(idle) == 4401


async def test_a_reader_that_reads_nothing_does_not_outlive_its_token(
    api: Api, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CLOSE_SECONDS", 0.05)
    upstream.behaviours = [endless]
    headers = {"Authorization": f"Bearer {api.oracle.issuer.token(exp=time.time() + 2)}"}
    async with connected(api, headers=headers) as socket:
        await frame(socket)
        socket._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # a reader that does not
        await socket.send_str("Hello")
        await waiting_for_reader(api, replies.WRITE_BUFFER)

        async def let_go() -> bool:
            server = api.listener._runner.server
            return server is not None and not server.connections and not api.made._sockets._sessions

        await until(let_go)
    assert upstream.abandoned.is_set()


async def test_one_who_may_no_longer_is_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(api) as socket:
        await frame(socket)
        api.oracle.allowed.clear()
        monkeypatch.setattr("gagarin.server.auth.access.ALLOW_SECONDS", 0.0)
        gate = api.made._admission._gate
        gate._access._memory._known.clear()
        await socket.send_str("Hello")
        assert (await frame(socket))["problem"]["status"] == 403
        assert await closed(socket) == 1008


async def test_a_mistake_of_ours_closes_the_socket(upstream: Upstream, tmp_path: Path) -> None:
    store = BrokenStore(KeyError("internal"))
    async with serving(upstream, tmp_path, store) as api, connected(api) as socket:
        await frame(socket)
        await socket.send_str("Hello")
        assert (await frame(socket))["problem"]["status"] == 500
        assert await closed(socket) == 1011
        assert "KeyError: 'internal'" in api.log("event")[0]["trace"]


async def test_a_pod_that_goes_away_answers_what_it_began_and_asks_to_connect_again(
    api: Api, upstream: Upstream
) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    async with connected(api) as busy, connected(api) as idle:
        await frame(busy)
        await busy.send_str("Hello")
        await upstream.asked.wait()
        await busy.send_str("This one is not begun")
        await asyncio.sleep(0)
        draining = asyncio.create_task(api.listener.drain(10))
        assert await closed(idle) == 1012
        assert not draining.done()
        upstream.proceed.set()
        assert (await frames(busy))[-1]["type"] == "done"
        assert await closed(busy) == 1012
        assert await draining
    assert len(upstream.bodies) == 1


async def test_a_socket_that_opens_while_the_pod_goes_away_is_closed_at_once(api: Api) -> None:
    api.made.drain()
    async with connected(api) as socket:
        assert await closed(socket) == 1012


async def test_a_slow_reader_slows_the_model_and_fills_no_memory(api: Api, upstream: Upstream) -> None:
    written = 0

    async def torrent(request: Any) -> Any:
        nonlocal written
        response = await writing()(request)
        for _ in range(2000):
            await response.write(sse(piece("x" * 10_000)))
            written += 10_000
        await response.write(sse(FINISH, DONE))
        return response

    upstream.behaviours = [torrent]
    async with connected(api, max_msg_size=0) as socket:
        await socket.send_str("Hello")
        await frames(socket, "token")
        transport = socket.get_extra_info("socket")
        assert transport is not None
        before = -1
        socket._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # a reader that does not
        async with asyncio.timeout(60):
            while written != before:
                before = written
                await asyncio.sleep(0.3)
        assert written < 15_000_000
        socket._response.connection.transport.resume_reading()  # type: ignore[union-attr]  # as above
        await frames(socket)
    assert written == 20_000_000


async def test_who_cancels_without_reading_is_answered_the_next_time(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [endless, writing(sse(*[piece("y" * 10_000)] * 30), sse(FINISH, DONE))]
    async with connected(api, max_msg_size=0) as socket:
        await frame(socket)
        socket._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # a reader that does not
        await socket.send_str("Hello")
        await waiting_for_reader(api, replies.WRITE_BUFFER)
        await socket.send_str('{"type": "cancel"}')
        await upstream.abandoned.wait()
        upstream.asked.clear()
        await socket.send_str("Again")
        await upstream.asked.wait()
        await waiting_for_reader(api, replies.WRITE_BUFFER)
        socket._response.connection.transport.resume_reading()  # type: ignore[union-attr]  # as above
        await frames(socket, "cancelled")
        answer = await frames(socket)
    assert sum(len(each.get("text", "")) for each in answer) == 300_000


async def test_a_peer_that_says_nothing_is_given_up(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.6)
    async with serving(upstream, tmp_path) as api:
        async with connected(api, autoping=False) as socket:
            await frame(socket)

            async def gone() -> bool:
                return not api.made._sockets._sessions

            await until(gone)
        async with connected(api, autoping=True) as socket:
            await frame(socket)
            receiving = asyncio.create_task(socket.receive())
            await asyncio.sleep(1.5)
            assert api.made._sockets._sessions
            receiving.cancel()


async def test_a_peer_that_closes_only_its_side_is_let_go(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    async with connected(api) as socket:
        await frame(socket)
        await socket.send_str("Hello")
        await upstream.asked.wait()
        socket._response.connection.transport.write_eof()  # type: ignore[union-attr]  # half-closed

        async def gone() -> bool:
            return not api.made._sockets._sessions

        await until(gone)
    await happens(upstream.abandoned)


async def test_open_sockets_and_messages_that_failed_are_counted(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [failing(400)]
    async with connected(api) as socket:
        await frame(socket)
        await socket.send_str("Hello")
        await frames(socket, "error")
        assert b"gagarin_chat_websockets 1.0" in api.made._metrics.text()

    async def counted() -> bool:
        text = api.made._metrics.text()
        failed = b'gagarin_chat_problems_total{problem="provider-failed"} 1.0' in text
        return failed and b"gagarin_chat_websockets 0.0" in text

    await until(counted)
