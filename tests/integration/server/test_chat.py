"""A chat from end to end: the real process, a provider, an API server."""

from __future__ import annotations

import aiohttp

from tests.integration.server.conftest import Start
from tests.unit.server.upstream import USAGE, Upstream


async def test_a_caller_with_a_role_is_answered(
    start: Start, http: aiohttp.ClientSession, caller: dict[str, str], upstream: Upstream
) -> None:
    server = await start()
    async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=caller) as response:
        answer = await response.json()
    assert response.status == 200
    assert answer == {"answer": "Good day.", "conversation": answer["conversation"], "usage": USAGE}
    system, question = upstream.bodies[0]["messages"]
    assert system["role"] == "system"
    assert system["content"].startswith("You are helpful.")
    assert question == {"role": "user", "content": "Hello"}
    assert upstream.headers[0]["Authorization"] == "Bearer first-key"


async def test_a_stream_is_events_in_the_order_of_the_answer(
    start: Start, http: aiohttp.ClientSession, caller: dict[str, str]
) -> None:
    server = await start()
    async with http.post(f"{server.url}/stream", json={"input": "Hello"}, headers=caller) as response:
        text = await response.text()
    conversation = response.headers["Gagarin-Conversation"]
    assert response.content_type == "text/event-stream"
    stream = text.rpartition("id: ")[2].partition(".")[0]
    assert text == (
        f'event: token\ndata: {{"text":"Good day."}}\nid: {stream}.1\n\n'
        'event: usage\ndata: {"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}\n'
        f"id: {stream}.2\n\n"
        f'event: done\ndata: {{"conversation":"{conversation}"}}\nid: {stream}.3\n\n'
    )
