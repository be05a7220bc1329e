"""Events out of bytes that are split anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.client import NotGagarin, Token, events
from gagarin.client.events import EventReader, Raw, typed

STREAM = (
    'event: token\ndata: {"text":"é"}\nid: s.1\n\n:\n\nevent: done\r\ndata:{}\r\nid: s.2\r\n\r\n'
    "data: a\ndata: b\nretry: 1\n\n"
).encode()
EVENTS = [
    Raw("token", '{"text":"é"}', "s.1"),
    Raw("done", "{}", "s.2"),
    Raw("message", "a\nb", "s.2"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_it_does_not_matter_how_the_bytes_are_split(cuts: list[int]) -> None:
    reader, found, places = EventReader(), [], sorted({0, *cuts, len(STREAM)})
    for start, end in pairwise(places):
        found += reader.feed(STREAM[start:end])
    assert found == EVENTS
    assert reader.last_id == "s.2"


def test_after_a_break_it_begins_with_a_whole_event() -> None:
    reader = EventReader()
    reader.feed(b"event: token\ndata: half\nid: s.9\nda")
    reader.restart()
    assert reader.last_id == ""
    assert reader.feed(b"event: done\ndata: {}\nid: s.1\n\n") == [Raw("done", "{}", "s.1")]


def test_what_never_ends_or_is_no_text_is_not_an_instance_s(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotGagarin, match="UTF-8"):
        EventReader().feed(b"data: \xff\n")
    monkeypatch.setattr(events, "MAX_EVENT_BYTES", 20)
    for endless in (b"data: xxxxxxxx", b"data: xxxx\n"):
        reader = EventReader()
        reader.feed(endless)
        with pytest.raises(NotGagarin, match="longer than 20 bytes"):
            _ = [reader.feed(endless) for _ in range(10)]


def test_an_event_is_typed_by_its_name() -> None:
    assert typed(Raw("token", '{"text":"x","new":1}', "")) == Token("x")
    assert typed(Raw("something", "{}", "")) is None
    with pytest.raises(NotGagarin, match="'token' cannot be read"):
        typed(Raw("token", "[]", ""))
