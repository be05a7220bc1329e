"""Cutting a stream of bytes into events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.kube.errors import Forbidden, Gone, Unavailable
from gagarin.kube.watch import WatchEvent, event_of, lines


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@given(st.text("ab\n", max_size=60), st.lists(st.integers(0, 60)))
async def test_lines_are_the_same_however_the_stream_is_cut(text: str, cuts: list[int]) -> None:
    stream = text.encode()
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[begin:end] for begin, end in pairwise(bounds)]
    found = [line async for line in lines(chunks(*parts))]
    assert found == [line for line in stream.split(b"\n")[:-1] if line]


def test_an_event_has_a_type_and_an_object() -> None:
    event = event_of(b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}')
    assert event == WatchEvent("ADDED", {"metadata": {"resourceVersion": "7"}})
    assert event.resource_version == "7"


def test_an_error_event_raises_what_it_says() -> None:
    with pytest.raises(Gone, match="too old"):
        event_of(b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}')
    with pytest.raises(Forbidden):
        event_of(b'{"type":"ERROR","object":{"kind":"Status","code":403}}')


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b'{"type":"NEW","object":{}}', b'{"type":"ADDED"}'])
def test_what_is_not_an_event_counts_as_a_broken_watch(line: bytes) -> None:
    with pytest.raises(Unavailable):
        event_of(line)
