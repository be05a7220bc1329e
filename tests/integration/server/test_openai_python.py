"""The official Python client of OpenAI at a real chat server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from gagarin.core.config import Limits
from tests.integration.server.conftest import Start
from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.upstream import Upstream, failing, piece, silent, sse, writing
from tests.unit.server.waiting import happens


@pytest.fixture
async def server(start: Start) -> ServerProcess:
    return await start(limits=Limits(max_concurrent_chats=1))


@pytest.fixture
async def client(server: ServerProcess, api: ApiServer) -> AsyncIterator[openai.AsyncOpenAI]:
    base = f"{server.url}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key=api.issuer.token(), max_retries=0) as made:
        yield made


async def test_a_completion(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="helper", messages=[{"role": "user", "content": "Hello"}], temperature=0.2, max_tokens=100
    )
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Good day.", "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10


async def test_a_streamed_completion(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="helper",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Good day."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


async def test_the_client_s_own_accumulator_understands_the_chunks(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model="helper", messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        completion = await stream.get_final_completion()
    assert completion.choices[0].message.content == "Good day."


async def test_a_response(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(model="helper", input="Hello", instructions="Be brief.")
    assert (answer.output_text, answer.status) == ("Good day.", "completed")
    assert answer.usage is not None
    assert answer.usage.input_tokens == 7


async def test_a_streamed_response(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model="helper", input="Hello") as stream:
        texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert "".join(texts) == final.output_text == "Good day."


async def test_the_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in await client.models.list()] == ["helper"]
    assert (await client.models.retrieve("helper")).owned_by == "team-a"


async def test_errors_are_those_that_users_of_the_client_catch(
    client: openai.AsyncOpenAI, server: ServerProcess, api: ApiServer, upstream: Upstream
) -> None:
    completions = client.chat.completions
    messages: Any = [{"role": "user", "content": "Hello"}]
    tools: Any = [{"type": "function"}]
    with pytest.raises(openai.BadRequestError, match="the agent has its own tools") as refused:
        await completions.create(model="helper", messages=messages, tools=tools)
    assert (refused.value.param, refused.value.code) == ("tools", "unsupported")
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-5'"):
        await client.responses.create(model="gpt-5", input="Hello")
    with pytest.raises(openai.BadRequestError, match="nothing is kept here"):
        await client.responses.create(model="helper", input="Hello", previous_response_id="resp_1")
    for name, kind in (("stranger", openai.PermissionDeniedError), ("", openai.AuthenticationError)):
        key = api.issuer.token(name) if name else "sk-wrong"
        with pytest.raises(kind):
            await client.with_options(api_key=key).models.list()
    upstream.behaviours = [failing(400)]
    with pytest.raises(openai.InternalServerError, match="provider team-a/openai answered 400"):
        await client.responses.create(model="helper", input="Hello")
    upstream.asked.clear()
    upstream.behaviours = [silent(upstream.proceed)]
    first = asyncio.create_task(client.responses.create(model="helper", input="Hello"))
    await upstream.asked.wait()
    with pytest.raises(openai.RateLimitError, match="as many chats as it may"):
        await client.responses.create(model="helper", input="Hello")
    upstream.proceed.set()
    assert (await first).output_text == "late"


async def test_a_stream_that_breaks_off_is_an_error(client: openai.AsyncOpenAI, upstream: Upstream) -> None:
    upstream.proceed.set()
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed, cut=True)]
    stream = await client.chat.completions.create(
        model="helper", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    with pytest.raises(openai.APIError, match="team-a/openai"):
        async for _ in stream:
            pass


async def test_a_client_that_stops_reading_stops_the_model_call(
    client: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    stream = await client.chat.completions.create(
        model="helper", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    await happens(upstream.abandoned)
