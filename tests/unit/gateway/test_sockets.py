"""WebSockets through the gateway."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.gateway.sockets import expiry
from gagarin.serving import connections
from tests.unit.gateway.apiserver import ApiServer, user
from tests.unit.gateway.conftest import Serving, Start
from tests.unit.gateway.pod import Pod
from tests.unit.server.waiting import happens, until

WS = "/instances/helper/ws"
ALICE = {"Authorization": "Bearer alice"}


@pytest.fixture(autouse=True)
def _helper(api: ApiServer) -> None:
    api.put("Instance", "helper", {"agentRef": {"name": "helper"}})


def jwt(expires: float) -> str:
    payload = base64.urlsafe_b64encode(msgspec.json.encode({"exp": expires})).rstrip(b"=").decode()
    return f"e30.{payload}.c2ln"


def opened(http: aiohttp.ClientSession, gateway: Serving, path: str = WS, **options: Any) -> Any:
    return http.ws_connect(gateway.url + path, **{"headers": ALICE, **options})


async def test_messages_go_both_ways(gateway: Serving, pod: Pod, http: aiohttp.ClientSession) -> None:
    async with opened(http, gateway, WS + "?conversation=c1") as socket:
        assert await socket.receive_str() == '{"type":"history"}'
        await socket.send_str("hi")
        assert await socket.receive_str() == "you said hi"
    (asked,) = pod.asked
    assert asked.query == {"conversation": "c1"}
    assert asked.headers["Impersonate-User"] == "system:serviceaccount:team-a:alice"
    assert asked.headers["Authorization"] == "Bearer token-1"
    await happens(pod.gone)
    assert pod.close_code == 1000


async def test_a_browser_offers_its_token_as_a_subprotocol(
    gateway: Serving, pod: Pod, http: aiohttp.ClientSession
) -> None:
    async with opened(http, gateway, headers={}, protocols=("gagarin.v1", "bearer.alice")) as socket:
        assert socket.protocol == "gagarin.v1"
        assert await socket.receive_str() == '{"type":"history"}'
    assert pod.asked[0].headers["Sec-WebSocket-Protocol"] == "gagarin.v1", "the token goes no further"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {}}, 401),
        ({"headers": {"Authorization": "Bearer stranger"}}, 401),
        ({"headers": {}, "protocols": ("bearer.alice",)}, 400),
        ({"headers": {}, "protocols": ("gagarin.v1", "bearer.a", "bearer.b")}, 400),
    ],
)
async def test_refusals_come_before_the_handshake(
    gateway: Serving, pod: Pod, http: aiohttp.ClientSession, options: Any, status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await opened(http, gateway, **options)
    assert caught.value.status == status
    assert not pod.asked


@pytest.mark.parametrize(("refused", "status"), [(403, 403), (404, 404), (400, 400), (401, 503), (500, 502)])
async def test_what_the_pod_refuses_is_refused_here(
    gateway: Serving, pod: Pod, http: aiohttp.ClientSession, refused: int, status: int
) -> None:
    pod.status = refused
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await opened(http, gateway)
    assert caught.value.status == status


async def test_no_pod_that_answers_is_a_503(gateway: Serving, pod: Pod, http: aiohttp.ClientSession) -> None:
    await pod.stop()
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await opened(http, gateway)
    assert caught.value.status == 503


async def test_without_a_handshake_it_is_a_426(gateway: Serving, pod: Pod) -> None:
    odd = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "\u00e9"}
    for headers in ({}, {"Connection": "Upgrade", "Upgrade": "websocket", **odd}):
        status, problem = await gateway.call("GET", WS, headers=headers)
        assert (status, problem["type"].rpartition("/")[2]) == (426, "upgrade-needed")
    assert not pod.asked


async def test_the_pods_reason_to_close_is_the_callers(
    gateway: Serving, pod: Pod, http: aiohttp.ClientSession
) -> None:
    pod.closing = 4401
    async with opened(http, gateway) as socket:
        await socket.receive_str()
        assert (await socket.receive()).data == 4401


@pytest.mark.parametrize("how", ["abort", "write_eof"])
async def test_a_caller_who_vanishes_or_half_closes_ends_the_socket_at_the_pod(
    gateway: Serving, pod: Pod, how: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        f"GET {WS} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer alice\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await reader.readuntil(b'{"type":"history"}')
    getattr(writer.transport, how)()
    await happens(pod.gone)
    writer.close()


async def test_a_socket_ends_when_the_callers_token_does(
    gateway: Serving, api: ApiServer, http: aiohttp.ClientSession
) -> None:
    token = jwt(time.time() + 2)
    api.users[token] = user("alice")
    async with opened(http, gateway, headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.receive_str()
        assert (await socket.receive(timeout=60)).data == 4401


async def test_a_reader_that_reads_nothing_does_not_outlive_its_token(
    gateway: Serving, api: ApiServer, pod: Pod, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CLOSE_SECONDS", 0.05)
    pod.much = 20_000_000
    token = jwt(time.time() + 3)
    api.users[token] = user("alice")
    async with opened(http, gateway, headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.receive_str()
        socket._response.connection.transport.pause_reading()

        async def let_go() -> bool:
            assert gateway._runner is not None
            server = gateway._runner.server
            return server is not None and not server.connections

        await until(let_go)


async def test_a_gateway_that_goes_away_tells_its_sockets(
    gateway: Serving, http: aiohttp.ClientSession
) -> None:
    async with opened(http, gateway) as socket:
        await socket.receive_str()
        stopping = asyncio.create_task(gateway.stop())
        assert (await socket.receive(timeout=60)).data == 1012
    await stopping


def test_only_a_token_that_says_so_ends() -> None:
    assert expiry(f"Bearer {jwt(5)}") == 5
    for opaque in ("Bearer alice", "", "Bearer a.b.c", "Bearer e30.e30.e30"):
        assert expiry(opaque) == float("inf")


async def test_a_message_that_is_too_long_ends_the_socket(
    start: Start, http: aiohttp.ClientSession, pod: Pod
) -> None:
    gateway = await start("--max-body", "1000")
    async with opened(http, gateway) as socket:
        await socket.receive_str()
        await socket.send_bytes(b"x" * 900)
        assert (await socket.receive_str()).startswith("you said b'xxx")
        await socket.send_str("x" * 1001)
        assert (await socket.receive(timeout=60)).data == 1009
    await happens(pod.gone)
