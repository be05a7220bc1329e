"""The gateway's own tokens, and what it remembers."""

from __future__ import annotations

import io

import pytest

from gagarin.gateway.credentials import Credentials
from gagarin.gateway.memory import Memory
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.serving.errors import Problem
from gagarin.serving.logs import Log
from tests.unit.gateway.apiserver import ApiServer

EXPIRY = 4_102_444_800.0  # what the API server of the test says


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def test_a_token_is_used_again_until_shortly_before_it_expires(api: ApiServer) -> None:
    clock = Clock(EXPIRY - 3600)
    async with KubeClient(Endpoint(api.url, token="gateway")) as client:
        credentials = Credentials(
            client, "gagarin-system", "gagarin-gateway", Log("info", io.BytesIO()), clock
        )
        assert await credentials.token("a") == "token-1"
        assert await credentials.token("b") == "token-2", "each Instance has its own"
        clock.now = EXPIRY - 901
        assert await credentials.token("a") == "token-1"
        clock.now = EXPIRY - 899
        assert await credentials.token("a") == "token-3"


async def test_an_api_server_that_does_not_answer_is_told_apart_from_a_missing_right(api: ApiServer) -> None:
    api.broken = True
    async with KubeClient(Endpoint(api.url, token="gateway")) as client:
        credentials = Credentials(client, "gagarin-system", "gagarin-gateway", Log("info", io.BytesIO()))
        with pytest.raises(Problem) as caught:
            await credentials.token("a")
    assert caught.value.slug == "cluster-unavailable"


def test_a_memory_is_bounded_and_forgets() -> None:
    clock = Clock(0.0)
    memory: Memory[str, int] = Memory(2, clock)
    memory.put("a", 1, 10)
    memory.put("b", 2, 10)
    memory.put("a", 3, 10)
    memory.put("c", 4, 5)
    assert [memory.get(name) for name in "abc"] == [3, None, 4]
    memory.forget("a")
    memory.forget("never there")
    clock.now = 5.0
    assert [memory.get(name) for name in "ac"] == [None, None]
