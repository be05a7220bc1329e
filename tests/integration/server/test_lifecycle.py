"""Start, death, drain: what the process promises to whoever is connected to it."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.core.config import History, Limits, ServerTls
from tests.integration.server.conftest import Start
from tests.integration.server.serverprocess import PATIENCE, ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.upstream import Upstream, failing, piece, silent, sse, writing
from tests.unit.server.waiting import happens

Headers = dict[str, str]
FIRST = b'event: token\ndata: {"text":"Good"}\n'


async def chat(
    http: aiohttp.ClientSession, server: ServerProcess, caller: Headers, **body: Any
) -> tuple[int, Any]:
    body = {"input": "Hello", **body}
    async with http.post(f"{server.url}/chat", json=body, headers=caller) as response:
        return response.status, msgspec.json.decode(await response.read())


async def conversations(http: aiohttp.ClientSession, server: ServerProcess, caller: Headers) -> list[Any]:
    async with http.get(f"{server.url}/conversations", headers=caller) as response:
        return list((await response.json())["conversations"])


async def messages(
    http: aiohttp.ClientSession, server: ServerProcess, caller: Headers, conversation: str
) -> list[tuple[str, str]]:
    async with http.get(f"{server.url}/conversations/{conversation}", headers=caller) as response:
        return [(each["role"], each["content"]) for each in (await response.json())["messages"]]


async def test_a_kill_in_the_middle_of_an_answer_loses_no_question_and_keeps_no_half_answer(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start(history=History(type="Persistent"))
    _, answer = await chat(http, server, caller, input="one")
    upstream.behaviours = [writing(sse(piece("Half")), hold=upstream.proceed)]
    body = {"input": "two", "conversation": answer["conversation"]}
    async with http.post(f"{server.url}/stream", json=body, headers=caller) as response:
        assert await response.content.readuntil(b"\n\n")
        server.signal(signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await response.content.read()
    assert await server.ended() == -signal.SIGKILL
    await server.start()
    assert await messages(http, server, caller, answer["conversation"]) == [
        ("user", "one"),
        ("assistant", "Good day."),
        ("user", "two"),
    ]
    status, _ = await chat(http, server, caller, input="three", conversation=answer["conversation"])
    assert status == 200


async def test_sigterm_lets_a_stream_end_whole_and_the_process_end_well(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start()
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    finishing = upstream.behaviours[0]

    async def two_parts(request: Any) -> Any:
        response = await finishing(request)
        await response.write(sse(piece(" day."), {"choices": [{"finish_reason": "stop"}]}, b"[DONE]"))
        return response

    upstream.behaviours = [two_parts]
    async with http.post(f"{server.url}/stream", json={"input": "Hello"}, headers=caller) as response:
        assert (await response.content.readuntil(b"\n\n")).startswith(FIRST)
        server.signal(signal.SIGTERM)
        await server.line(message="draining")
        async with http.get(f"{server.ops_url}/readyz") as ready:
            assert (ready.status, await ready.text()) == (503, "draining\n")
        async with aiohttp.ClientSession() as other:
            with pytest.raises(aiohttp.ClientConnectionError):
                await other.post(f"{server.url}/chat", json={"input": "Hello"}, headers=caller)
        upstream.proceed.set()
        rest = await response.text()
    assert rest.startswith('event: token\ndata: {"text":" day."}\n')
    assert "event: done\n" in rest
    assert await server.ended() == 0
    assert (await server.line(message="stopped"))["answers_cut"] is False


async def test_a_drain_has_an_end(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start("--drain-seconds", "0.2")
    upstream.behaviours = [silent(upstream.proceed)]
    call = asyncio.create_task(chat(http, server, caller))
    await upstream.asked.wait()
    server.signal(signal.SIGTERM)
    assert await server.ended() == 0
    assert (await server.line(message="stopped"))["answers_cut"] is True
    with pytest.raises(aiohttp.ClientError):
        await call


async def test_a_second_signal_ends_the_process_at_once(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start()
    upstream.behaviours = [silent(upstream.proceed)]
    call = asyncio.create_task(chat(http, server, caller))
    await upstream.asked.wait()
    server.signal(signal.SIGTERM)
    await server.line(message="draining")
    server.signal(signal.SIGTERM)
    assert await server.ended() == -signal.SIGTERM
    with pytest.raises(aiohttp.ClientError):
        await call


async def test_a_client_that_goes_away_stops_the_model_call(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start()
    upstream.behaviours = [silent(upstream.proceed)]
    call = asyncio.create_task(chat(http, server, caller))
    await upstream.asked.wait()
    call.cancel()
    await happens(upstream.abandoned)
    assert (await server.line(log="access", path="/chat"))["status"] == 499
    (kept,) = await conversations(http, server, caller)
    assert await messages(http, server, caller, kept["id"]) == [("user", "Hello")]


async def test_a_replaced_secret_is_used_by_the_next_call_without_a_restart(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start()
    await chat(http, server, caller)
    server.write_key("second-key")
    await chat(http, server, caller)
    assert [headers["Authorization"] for headers in upstream.headers] == [
        "Bearer first-key",
        "Bearer second-key",
    ]


async def test_a_key_that_is_refused_is_read_again(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start()

    async def refuse(request: Any) -> Any:
        server.write_key("second-key")
        return await failing(401)(request)

    upstream.behaviours = [refuse]
    assert (await chat(http, server, caller))[0] == 200
    assert upstream.headers[1]["Authorization"] == "Bearer second-key"


async def test_a_provider_in_trouble_is_asked_again_and_told_by_name(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start()
    upstream.behaviours = [failing(500), failing(429, None, Retry_After="0")]
    assert (await chat(http, server, caller))[0] == 200
    upstream.behaviours = [failing(429, {"error": {"code": "rate_limit_exceeded"}}, Retry_After="60")]
    async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=caller) as response:
        assert (response.status, response.headers["Retry-After"]) == (502, "60")
        detail = (await response.json(content_type=None))["detail"]
    assert detail == "provider team-a/openai answered 429 (rate_limit_exceeded)"
    assert "first-key" not in str(server.lines)


async def test_an_answer_that_takes_too_long_is_a_504(
    start: Start, http: aiohttp.ClientSession, caller: Headers, upstream: Upstream
) -> None:
    server = await start(limits=Limits(request_timeout=0.2))
    upstream.behaviours = [silent(upstream.proceed)]
    assert (await chat(http, server, caller))[0] == 504


async def test_metrics_and_health_are_on_the_second_port_only(
    start: Start, http: aiohttp.ClientSession, caller: Headers
) -> None:
    server = await start()
    await chat(http, server, caller)
    async with http.get(f"{server.ops_url}/metrics") as response:
        assert 'gagarin_chat_request_duration_seconds_count{route="/chat",status="200"} 1.0' in (
            await response.text()
        )
    for path in ("/healthz", "/readyz", "/metrics"):
        async with http.get(f"{server.ops_url}{path}") as response:
            assert response.status == 200
        async with http.get(f"{server.url}{path}") as response:
            assert response.status == 404


@pytest.mark.parametrize(
    ("changed", "options", "reason"),
    [
        ({"history": History(type="Postgres")}, [], "history.type"),
        ({"tls": ServerTls(certificate_file="tls.crt", key_file="tls.key")}, [], "tls.key: No such file"),
        ({"schema_version": 2}, [], "schema_version is 2"),
        ({}, ["--port", "none"], "--port: 'none' is not a port number"),
        ({}, ["--config", "/nowhere/agent.json"], "configuration /nowhere/agent.json: No such file"),
        ({}, ["--data", "/nowhere"], "the conversations in /nowhere cannot be opened"),
        ({}, ["--api-token-file", "/nowhere/token"], "--api-token-file /nowhere/token: No such file"),
        ({}, ["--api-token-file", "/dev/null"], "--api-token-file /dev/null: it is not a signed JWT"),
        ({}, ["--api-server", "https://10.0.0.1", "--api-ca-file", "/nowhere"], "--api-ca-file /nowhere"),
        (
            {},
            ["--api-server", "https://10.0.0.1", "--api-ca-file", "/dev/null"],
            "--api-ca-file /dev/null: it is empty",
        ),
        (
            {},
            ["--api-server", "https://10.0.0.1", "--api-ca-file", __file__],
            "certificates cannot be read",
        ),
        ({}, ["--host", "203.0.113.1"], "cannot listen on 203.0.113.1"),
    ],
)
async def test_a_start_that_fails_says_why_and_where(
    api: ApiServer, upstream: Upstream, tmp_path: Path, changed: Any, options: list[str], reason: str
) -> None:
    server = ServerProcess(tmp_path, api, upstream, **changed)
    server.write_files()
    log = tmp_path / "termination-log"
    log.touch()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gagarin.server", *server.options(), *options),
        *("--termination-log", str(log)),
        stderr=PIPE,
        stdout=PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 2
    assert reason in errors.decode()
    assert errors.decode().count("\n") == 1
    if "--port" not in options:
        assert reason in log.read_text()
