"""Each type of Provider, from the resource to the request: path, header and fields are the vendor's own."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from gagarin.core.config import Config
from gagarin.core.objects import ObjectMap
from gagarin.core.resolve import resolve
from gagarin.core.vendors import VENDORS
from gagarin.server import wire
from gagarin.server.errors import ProviderError
from gagarin.server.knowledge.embedding import Embedder
from gagarin.server.metrics import Metrics
from gagarin.server.provider import ModelClient
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.wire import Message, Offer, ResultMessage, Usage
from tests.integration.vendors.emulated import HABITS, KEY, Emulated, vendor

NAMES = sorted(VENDORS)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
OFFER = Offer((wire.definition("weather", "The weather.", SCHEMA),))
ASKED = [Message("system", "Be short."), Message("user", "Does it rain?")]
PARAMS = {"temperature": 0.5, "topP": 0.9, "maxTokens": 100, "seed": 7, "stop": ["END"]}


def resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team-a", "uid": name, "generation": 1}
    return {"apiVersion": "gagarin.fyodorov.ai/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def configured(name: str, url: str, **agent: Any) -> Config:
    """What the operator makes of a Provider of this type, an Agent and an Instance."""
    key = {"secretKeyRef": {"name": "key", "key": "token"}}
    model = {"providerRef": {"name": "provider"}, "name": "small", "params": PARAMS}
    instance = resource("Instance", "bot", {"agentRef": {"name": "agent"}})
    objects = [
        resource("Provider", "provider", {"type": name, "url": url, "apiKey": key}),
        resource("Agent", "agent", {"prompt": "Be short.", "model": model, **agent}),
        instance,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "key", "namespace": "team-a"},
            "data": {"token": base64.b64encode(KEY.encode()).decode()},
        },
    ]
    resolution = resolve(instance, ObjectMap(objects))
    assert resolution.resolved is not None, resolution.problems
    return resolution.resolved.config


@asynccontextmanager
async def asking(
    name: str, folder: Path, key: str = KEY, **agent: Any
) -> AsyncIterator[tuple[Emulated, ModelClient]]:
    """The vendor's server, and the client that asks it."""
    secret = folder / "team-a" / "key" / "token"
    secret.parent.mkdir(parents=True)
    secret.write_text(key)
    async with vendor(name) as (server, url), aiohttp.ClientSession() as session:
        config = configured(name, url, **agent)
        request = wire.Request(config.model, config.response_schema)
        yield server, ModelClient(session, config.model, request, SecretFiles(folder), Metrics())


@pytest.mark.parametrize("name", NAMES)
async def test_a_whole_answer(name: str, tmp_path: Path) -> None:
    async with asking(name, tmp_path) as (server, model):
        reply = await model.complete(ASKED)
    assert (reply.text, reply.usage) == ("It rains.", Usage(12, 4, 16))
    (body,) = server.bodies
    assert body[VENDORS[name].max_tokens] == 100
    assert body[VENDORS[name].seed] == 7


@pytest.mark.parametrize("name", NAMES)
async def test_a_streamed_answer_with_its_usage(name: str, tmp_path: Path) -> None:
    async with asking(name, tmp_path) as (_, model):
        stream = await model.open(ASKED)
        texts = [text async for pieces in stream for text in pieces]
        await stream.close()
    assert ("".join(texts), stream.usage) == ("It rains.", Usage(12, 4, 16))


@pytest.mark.parametrize("name", NAMES)
async def test_a_tool_call_and_its_result(name: str, tmp_path: Path) -> None:
    async with asking(name, tmp_path) as (_, model):
        (call,) = (await model.complete(ASKED, OFFER)).calls
        made = wire.CallsMessage(None, (wire.sent(call, "call_1", "weather", '{"city": "Oslo"}'),))
        told: list[wire.Sent] = [*ASKED, made, ResultMessage("call_1", "rain")]
        reply = await model.complete(told, OFFER)
        final = await model.complete(told, Offer(OFFER.functions, closed=True))
    assert (reply.text, reply.calls) == ("It rains.", ())
    assert final.text == "It rains."


@pytest.mark.parametrize("name", NAMES)
async def test_a_streamed_tool_call(name: str, tmp_path: Path) -> None:
    async with asking(name, tmp_path) as (_, model):
        stream = await model.open(ASKED, OFFER)
        assert [pieces async for pieces in stream] == []
        await stream.close()
    (call,) = stream.calls
    assert (call.name, call.arguments) == ("weather", '{"city": "Oslo"}')


@pytest.mark.parametrize("name", NAMES)
async def test_a_structured_answer_is_asked_for_in_the_way_the_vendor_knows(
    name: str, tmp_path: Path
) -> None:
    async with asking(name, tmp_path, responseSchema=SCHEMA) as (server, model):
        await model.complete(ASKED)
    (body,) = server.bodies
    if VENDORS[name].response_format:
        assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    else:
        assert body["tool_choice"] == {"type": "function", "function": {"name": wire.ANSWER_FUNCTION}}


@pytest.mark.parametrize("name", [name for name in NAMES if HABITS[name].key])
async def test_a_wrong_key_is_told_and_not_tried_again(name: str, tmp_path: Path) -> None:
    async with asking(name, tmp_path, key="wrong") as (_, model):
        with pytest.raises(ProviderError, match=r"answered 401 \(invalid_api_key\)") as caught:
            await model.complete(ASKED)
    assert not caught.value.retryable


@pytest.mark.parametrize("name", [name for name in NAMES if VENDORS[name].embeddings])
async def test_embeddings(name: str, tmp_path: Path) -> None:
    async with asking(name, tmp_path), vendor(name) as (_, url), aiohttp.ClientSession() as session:
        model = Embedder(session, configured(name, url).model, SecretFiles(tmp_path), Metrics())
        assert [list(vector) for vector in await model.vectors(["a", "b"])] == [[0.5, 1.0], [0.5, 1.0]]


@pytest.mark.parametrize("name", [name for name in NAMES if VENDORS[name].url is not None])
def test_the_base_that_a_vendor_has_without_being_told_ends_in_its_path(name: str) -> None:
    assert urlsplit(VENDORS[name].url or "").path == HABITS[name].path
