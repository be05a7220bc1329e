"""Vectors for texts, the same in every process, without a model.

Each word adds or subtracts one at a place its hash names (the hashing trick), and the vector is brought to
length one. So texts that share words are close, which is what a test of retrieval needs.
"""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from collections.abc import Sequence

import msgspec

from gagarin.stub import tokens

_WORD = re.compile(r"\w+")


def embed(text: str, dimensions: int) -> list[float]:
    """A vector of length one; a text without words gets the first unit vector."""
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        code = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        vector[(code >> 1) % dimensions] += 1.0 if code & 1 else -1.0
    length = math.hypot(*vector)
    if not length:
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def encode(model: str, texts: Sequence[str], dimensions: int, encoding_format: str) -> bytes:
    """The body of an answer: vectors as numbers, or as base64 of little-endian 32-bit floats."""
    vectors = [embed(text, dimensions) for text in texts]
    packed = [pack(vector) for vector in vectors] if encoding_format == "base64" else vectors
    data = [{"object": "embedding", "index": index, "embedding": item} for index, item in enumerate(packed)]
    used = sum(map(tokens.count, texts))
    usage = {"prompt_tokens": used, "total_tokens": used}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def pack(vector: Sequence[float]) -> str:
    """Base64 of the vector as little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
