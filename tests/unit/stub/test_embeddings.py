from __future__ import annotations

import base64
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.stub import embeddings


def similarity(one: str, other: str) -> float:
    pairs = zip(embeddings.embed(one, 512), embeddings.embed(other, 512), strict=True)
    return sum(a * b for a, b in pairs)


@given(st.text(), st.integers(1, 64))
def test_a_vector_has_length_one_and_the_dimensions_asked_for(text: str, dimensions: int) -> None:
    vector = embeddings.embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1.0)


def test_a_vector_is_the_same_in_every_process() -> None:
    assert embeddings.embed("Yuri Gagarin", 4) == pytest.approx([0.5**0.5, 0.0, 0.0, -(0.5**0.5)])


def test_texts_that_share_words_are_closer() -> None:
    near = similarity("the first flight to orbit", "a flight to orbit")
    assert near > similarity("the first flight to orbit", "bread and butter")


def test_base64_is_little_endian_32_bit_floats() -> None:
    packed = embeddings.pack([0.5, -1.0])
    assert struct.unpack("<2f", base64.b64decode(packed)) == (0.5, -1.0)
