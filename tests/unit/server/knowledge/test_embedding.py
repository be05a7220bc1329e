"""Vectors come from the provider in the order of the texts; what is no vector is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gagarin.core.config import ModelTarget
from gagarin.server.errors import ProviderError
from gagarin.server.knowledge.embedding import Embedder
from gagarin.server.metrics import Metrics
from gagarin.server.secretfiles import SecretFiles
from tests.unit.server.listening import Listening
from tests.unit.server.providing import provider


class Vectors(Listening):
    """Answers every request with the same body, remembers the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = None
        self.statuses: list[int] = []
        self.asked: list[Any] = []

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/embeddings", self._embed)
        return app

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response(self.answer, status=status)


@pytest.fixture
async def vectors() -> AsyncIterator[Vectors]:
    server = Vectors()
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def embedder(server: Vectors, folder: Path, **changed: Any) -> AsyncIterator[Embedder]:
    target = ModelTarget(provider=provider(server.url, **changed), model="small", params={"dimensions": 2})
    async with aiohttp.ClientSession() as session:
        yield Embedder(session, target, SecretFiles(folder), Metrics(), pause=lambda _: 0.0)


def data(*vectors: tuple[int, list[float]]) -> Any:
    return {"data": [{"index": index, "embedding": vector} for index, vector in vectors]}


async def test_vectors_are_put_in_the_order_of_the_texts(vectors: Vectors, tmp_path: Path) -> None:
    vectors.answer = data((1, [0.0, 1.0]), (0, [1.0, 0.5]))
    async with embedder(vectors, tmp_path) as model:
        assert [list(each) for each in await model.vectors(["a", "b"])] == [[1.0, 0.5], [0.0, 1.0]]
    assert vectors.asked == [
        {"model": "small", "dimensions": 2, "encoding_format": "float", "input": ["a", "b"]}
    ]


async def test_a_failed_call_is_tried_again(vectors: Vectors, tmp_path: Path) -> None:
    vectors.answer, vectors.statuses = data((0, [1.0])), [503]
    async with embedder(vectors, tmp_path) as model:
        assert len(await model.vectors(["a"])) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (data((0, [1.0])), "answered with 1 vectors for 2 texts"),
        (data((0, [1.0]), (0, [1.0])), "answered with 2 vectors for 2 texts"),
        (data((0, [1.0]), (7, [1.0])), "answered with 2 vectors for 2 texts"),
        ({"data": [{"index": 0, "embedding": "abc"}]}, "not the OpenAI protocol"),
        ([], "not the OpenAI protocol"),
    ],
)
async def test_what_is_no_vector_is_told(vectors: Vectors, tmp_path: Path, answer: Any, reason: str) -> None:
    vectors.answer = answer
    async with embedder(vectors, tmp_path, retries=0) as model:
        with pytest.raises(ProviderError, match=reason):
            await model.vectors(["a", "b"])


async def test_another_model_or_size_has_another_name(vectors: Vectors, tmp_path: Path) -> None:
    target = ModelTarget(provider=provider(vectors.url), model="small")
    larger = ModelTarget(provider=provider(vectors.url), model="small", params={"dimensions": 4})
    async with aiohttp.ClientSession() as session:
        names = {Embedder(session, each, SecretFiles(tmp_path), Metrics()).model for each in (target, larger)}
    assert len(names) == 2
