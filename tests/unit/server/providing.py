"""Models to ask in tests, at a real HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from gagarin.core.config import ModelTarget, Provider, Timeouts
from gagarin.server import wire
from gagarin.server.metrics import Metrics
from gagarin.server.provider import ModelClient
from gagarin.server.secretfiles import SecretFiles

QUICK = Timeouts(connect=2.0, first_token=2.0, between_tokens=2.0, total=5.0)


def provider(url: str, **changed: Any) -> Provider:
    """Provider team-a/openai."""
    members = {
        "name": "openai",
        "namespace": "team-a",
        "type": "OpenAICompatible",
        "url": f"{url}/v1",
        "timeouts": QUICK,
        **changed,
    }
    return Provider(**members)


@asynccontextmanager
async def model_at(url: str, secrets: Path, **changed: Any) -> AsyncIterator[ModelClient]:
    """A model of a provider at `url`, which does not pause between attempts."""
    schema, cost = changed.pop("schema", None), changed.pop("cost", None)
    window = changed.pop("context_window", None)
    target = ModelTarget(provider=provider(url, **changed), model="small", cost=cost, context_window=window)
    async with aiohttp.ClientSession() as session:
        yield ModelClient(
            session,
            target,
            wire.Request(target, schema),
            SecretFiles(secrets),
            Metrics(),
            pause=lambda _: 0.0,
        )
