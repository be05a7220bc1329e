"""Two real chat servers of one Instance on one PostgreSQL: what a caller sees of them is one conversation."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.core.config import History, Limits
from tests.integration.postgres.database import URL_FILE, Server, write_url
from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.issuer import Issuer
from tests.unit.server.upstream import Upstream, answering, silent

POSTGRES = History(type="Postgres", postgres_url_file=URL_FILE)
LIMITS = Limits(requests_per_minute=6)


class Pair:
    """Two replicas, and a caller of both."""

    def __init__(self, api: ApiServer, upstream: Upstream, replicas: list[ServerProcess]) -> None:
        self.upstream = upstream
        self.one, self.other = replicas
        self._headers = {"Authorization": f"Bearer {api.issuer.token('caller')}"}

    async def chat(self, replica: ServerProcess, key: str = "", **body: Any) -> tuple[int, dict[str, Any]]:
        """POST /chat."""
        headers = {**self._headers, "Idempotency-Key": key} if key else self._headers
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{replica.url}/chat", json=body, headers=headers) as response,
        ):
            return response.status, msgspec.json.decode(await response.read())


@pytest.fixture
async def pair(server: Server, tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        api, upstream = ApiServer(Issuer()), Upstream()
        for each in (api, upstream):
            await each.start()
            stack.push_async_callback(each.stop)
        replicas = []
        for name in ("one", "other"):
            folder = tmp_path / name
            write_url(folder / "secrets", server.url)
            replica = ServerProcess(folder, api, upstream, history=POSTGRES, limits=LIMITS)
            stack.push_async_callback(replica.stop)
            await replica.start()
            replicas.append(replica)
        yield Pair(api, upstream, replicas)


async def test_a_conversation_goes_on_at_another_replica(pair: Pair) -> None:
    _, first = await pair.chat(pair.one, input="one")
    status, second = await pair.chat(pair.other, input="two", conversation=first["conversation"])
    assert (status, second["conversation"]) == (200, first["conversation"])
    said = [message["content"] for message in pair.upstream.bodies[1]["messages"]]
    assert said[-3:] == ["one", "Good day.", "two"]


async def test_a_request_whose_replica_is_killed_is_answered_by_another_one_for_the_same_question(
    pair: Pair,
) -> None:
    _, first = await pair.chat(pair.one, input="one")
    conversation = first["conversation"]
    pair.upstream.behaviours = [silent(pair.upstream.proceed), answering("At last.")]
    pair.upstream.asked.clear()
    lost = asyncio.create_task(pair.chat(pair.one, "k", input="two", conversation=conversation))
    await pair.upstream.asked.wait()
    repeated = asyncio.create_task(pair.chat(pair.other, "k", input="two", conversation=conversation))
    pair.one.signal(signal.SIGKILL)
    with pytest.raises(aiohttp.ClientError):
        await lost
    await pair.one.ended()
    status, answer = await repeated
    assert (status, answer["answer"]) == (200, "At last.")
    assert await pair.chat(pair.other, "k", input="two", conversation=conversation) == (200, answer)


async def test_a_rate_is_for_both(pair: Pair) -> None:
    outcomes = [
        await pair.chat(replica, input="Hello") for _ in range(5) for replica in (pair.one, pair.other)
    ]
    assert [status for status, _ in outcomes].count(429) >= 3
    assert outcomes[-1][1]["type"].endswith("/too-many-requests")
