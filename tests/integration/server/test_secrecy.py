"""What people say, what models and tools answer, keys and tokens: none of it is ever in a log line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from gagarin.core.config import HttpEndpoint, Knowledge, Source, Tool, ToolAuth, ToolFunction
from tests.integration.server.conftest import Start
from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.tools.server import ToolServer, saying
from tests.unit.server.upstream import (
    Upstream,
    answering,
    called,
    calling,
    failing,
    hanging_up,
    piece,
    sse,
    writing,
)

QUESTION, ANSWER, PROMPT = "okapi-question", "tapir-answer", "zebra-prompt"
ARGUMENT, RESULT, DOCUMENT, KEY = "ibex-argument", "lemur-result", "quokka-document", "first-key"
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
CALL = called("look", {"text": ARGUMENT}, id="a")
FAULT = {"error": {"message": f"no: {QUESTION} {KEY}", "code": f"bad {KEY}"}}


@pytest.fixture
async def tool() -> AsyncIterator[ToolServer]:
    """The server of the tool."""
    made = ToolServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def process(start: Start, tool: ToolServer, tmp_path: Path) -> ServerProcess:
    """An agent with a tool and knowledge."""
    folder = tmp_path / "knowledge" / "facts"
    folder.mkdir(parents=True)
    (folder / "facts.txt").write_text(f"About the {QUESTION}: {DOCUMENT}.")
    endpoint = HttpEndpoint(
        url=f"{tool.url}/look", functions=(ToolFunction(name="look", parameters=SCHEMA),), timeout=2.0
    )
    auth = ToolAuth(type="Bearer", value_file="team-a/openai/key")
    return await start(
        *("--knowledge", str(tmp_path / "knowledge")),
        prompt=PROMPT,
        tools=(Tool(name="look", namespace="team-a", type="HTTP", http=endpoint, auth=auth),),
        knowledge=Knowledge(sources=(Source(name="facts", folder="facts"),)),
    )


async def test_nothing_that_is_said_and_no_credential_is_logged(
    process: ServerProcess,
    http: aiohttp.ClientSession,
    caller: dict[str, str],
    api: ApiServer,
    upstream: Upstream,
    tool: ToolServer,
) -> None:
    upstream.behaviours = [
        *(calling(CALL, text=ANSWER), answering(ANSWER)),  # a tool that works
        *(calling(CALL), answering(ANSWER)),  # one that fails
        *(calling(called("look", {"wrong": ARGUMENT}, id="a")), answering(ANSWER)),  # wrong arguments
        *(calling(called(ARGUMENT, {}, id="a")), answering(ANSWER)),  # a function that does not exist
        failing(400, FAULT),
        failing(401, FAULT),
        hanging_up(),
        writing(sse(piece(ANSWER)), cut=True),
        writing(sse(piece(ANSWER), {"error": {"message": QUESTION}})),
    ]
    tool.behaviours = [saying(RESULT), saying(RESULT, 500)]
    statuses = [await said(http, process, caller, path) for path in ("/stream", *["/chat"] * 6)]
    statuses += [await said(http, process, caller, "/stream") for _ in range(2)]
    assert {200, 502} <= set(statuses)
    await over_a_socket(http, process, caller)
    refused = {"Authorization": f"{caller['Authorization']}x"}
    assert await said(http, process, refused, "/chat") == 401
    async with http.post(f"{process.url}/chat", data=f'{{"input": "{QUESTION}", ', headers=caller) as answer:
        assert answer.status == 400
    openai = {"model": "helper", "messages": [{"role": "user", "content": QUESTION}]}
    async with http.post(f"{process.url}/v1/chat/completions", json=openai, headers=caller) as answer:
        assert answer.status == 200
    await process.stop()
    system = upstream.bodies[0]["messages"][0]["content"]
    assert PROMPT in system
    assert DOCUMENT in system
    assert {line["log"] for line in process.lines} == {"event", "access", "audit"}
    assert {line["outcome"] for line in process.lines if "function" in line} == {"ok", "error", "invalid"}
    logged = msgspec.json.encode(process.lines).decode()
    tokens = [caller["Authorization"].removeprefix("Bearer "), process.own_token]
    secret = (QUESTION, ANSWER, PROMPT, ARGUMENT, RESULT, DOCUMENT, KEY, *tokens)
    assert [word for word in secret if word in logged] == []


async def said(
    http: aiohttp.ClientSession, process: ServerProcess, headers: dict[str, str], path: str
) -> int:
    async with http.post(f"{process.url}{path}", json={"input": QUESTION}, headers=headers) as answer:
        await answer.read()
        return answer.status


async def over_a_socket(http: aiohttp.ClientSession, process: ServerProcess, caller: dict[str, str]) -> None:
    """One question, with the token as browsers send it."""
    token = caller["Authorization"].removeprefix("Bearer ")
    offers = ("gagarin.v1", f"bearer.{token}")
    async with http.ws_connect(f"{process.url}/ws", protocols=offers) as socket:
        await socket.send_str(QUESTION)
        kind = ""
        while kind not in ("done", "error"):
            kind = (await socket.receive_json())["type"]
    assert kind == "done"
