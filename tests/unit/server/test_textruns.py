"""Runs of chunks: what is read at once is what reading each would give, and what is no run is left alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server import textruns, wire


def chunk(text: str | None, **members: Any) -> bytes:
    delta = {"content": text, **members.pop("delta", {})}
    choice = {"index": 0, "delta": delta, "finish_reason": members.pop("finish_reason", None)}
    whole = {"id": "c1", "model": "m", "choices": [choice], **members}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def one_by_one(events: Sequence[bytes]) -> str:
    deltas = (each.choices[0].delta for each in wire.chunks(events))
    return "".join(delta.text for delta in deltas if delta is not None)


def test_a_run_is_read_at_once() -> None:
    assert textruns.text([chunk(word) for word in ("It", " is", "", " čtyři 🚀", ".")]) == "It is čtyři 🚀."


def test_spaces_after_colons_change_nothing() -> None:
    events = [json.dumps(json.loads(chunk(word)), ensure_ascii=False).encode() for word in "abcd"]
    assert textruns.text(events) == "abcd"


def test_a_text_that_looks_like_what_is_around_it_is_no_other_text() -> None:
    assert textruns.text([chunk("m")] * 4) == "mmmm"
    assert textruns.text([chunk("content")] * 4) in (None, "content" * 4)


@pytest.mark.parametrize(
    "odd",
    [
        chunk('say "x"'),
        chunk("back\\slash"),
        chunk("two\nlines"),
        chunk("x", finish_reason="stop"),
        chunk("x", usage={"prompt_tokens": 1}),
        chunk("x", error={"code": "e"}),
        chunk("x", model="other"),
        chunk(None),
        chunk(None, delta={"tool_calls": [{"index": 0, "function": {"name": "f"}}]}),
        chunk("x", delta={"refusal": "no"}),
        chunk("x", delta={"content": [{"type": "text", "text": "x"}]}),
        b'{"choices":[]}',
        b"{}",
        b"[DONE]",
        b"nonsense",
        chunk("x").replace(b'"x"', b'"\xff"'),
        chunk("x").replace(b'"x"', b'"\t"'),
        chunk("x").replace(b'"content"', b'"content":"y","content"'),
    ],
)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_what_is_not_alike_is_left_to_who_reads_each(odd: bytes, place: int) -> None:
    events = [chunk("a"), chunk("b"), chunk("c")]
    assert textruns.text([*events[:place], odd, *events[place:]]) is None


@pytest.mark.parametrize(
    "first",
    [
        chunk("x", finish_reason="stop"),
        chunk("x", usage={"prompt_tokens": 1}),
        chunk("x", error={"code": "e"}),
        chunk("x", delta={"tool_calls": [{"index": 0, "function": {"name": "f"}}]}),
        chunk("x", delta={"refusal": "no"}),
        chunk(None),
        b'{"content":"x"}',
        b'{"choices":[{"index":0}],"content":"x"}',
        b'{"choices":[{"delta":{"role":"assistant"}}],"content":"x"}',
    ],
)
def test_chunks_that_say_more_than_text_are_no_run(first: bytes) -> None:
    assert textruns.text([first] * 4) is None


def test_a_first_chunk_that_is_none_is_nonsense() -> None:
    with pytest.raises(wire.Nonsense):
        textruns.text([b'{"choices":"x","content":"y"}'] * 4)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(words, min_size=1, max_size=12), st.booleans())
def test_a_run_is_what_its_chunks_say(said: list[str], escaped: bool) -> None:
    events = [json.dumps(json.loads(chunk(word)), ensure_ascii=escaped).encode() for word in said]
    assert textruns.text(events) in (None, one_by_one(events))


@given(st.lists(words.filter(lambda word: word.isprintable() and not set(word) & set('"\\')), min_size=1))
def test_plain_words_are_always_a_run(said: list[str]) -> None:
    assert textruns.text([chunk(word) for word in said]) == "".join(said)


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=6))
def test_anything_at_all_is_a_run_only_if_it_is_one(pieces: list[bytes]) -> None:
    head, tail = chunk("@").split(b"@")
    events = [head + piece + tail for piece in pieces]
    try:
        expected = one_by_one(events)
    except wire.Nonsense:
        expected = None
    try:
        assert textruns.text(events) in (None, expected)
    except wire.Nonsense:
        assert expected is None
