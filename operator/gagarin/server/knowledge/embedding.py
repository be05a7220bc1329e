"""Vectors for texts, from the model that the Agent names for it (`/embeddings` of the OpenAI protocol)."""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import msgspec

from gagarin.core.config import ModelTarget
from gagarin.server.attempts import Attempts, pause_after
from gagarin.server.metrics import Metrics
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.upstream import Upstream

MAX_REPLY_BYTES = 32 * 1024 * 1024
BATCH = 64  # texts a call; the least of the vendors' bounds that is worth a call of its own


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


_decode = msgspec.json.Decoder(_Vectors).decode
_encode = msgspec.json.Encoder().encode


class Embedder:
    """One model of mode Embedding. `model` names it, for what is kept of it."""

    batch = BATCH

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: ModelTarget,
        secrets: SecretFiles,
        metrics: Metrics,
        extra_ca: str | None = None,
        pause: Callable[[int], float] = pause_after,
    ) -> None:
        self._upstream = Upstream(session, target.provider, secrets, extra_ca, "/embeddings")
        self._attempts = Attempts(self._upstream, target.provider, metrics, pause)
        self._fixed: dict[str, Any] = {**target.params, "model": target.model, "encoding_format": "float"}
        self.model = f"{target.provider.url} {_encode(self._fixed).decode()}"

    async def vectors(self, texts: Sequence[str]) -> list[array.array[float]]:
        """A vector of 32-bit floats for each text, in their order. Raises `ProviderError`."""
        body = _encode({**self._fixed, "input": texts})
        return await self._attempts.run(lambda: self._ask(body, len(texts)))

    async def _ask(self, body: bytes, count: int) -> list[array.array[float]]:
        response = await self._upstream.post(body, {})
        try:
            found = _decode(await self._upstream.read(response, MAX_REPLY_BYTES)).data
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._upstream.nonsense(error) from error
        finally:
            response.release()
        by_index = {each.index: each.embedding for each in found}
        if len(found) != count or by_index.keys() != set(range(count)):
            raise self._upstream.error("nonsense", f"answered with {len(found)} vectors for {count} texts")
        return [array.array("f", by_index[index]) for index in range(count)]
