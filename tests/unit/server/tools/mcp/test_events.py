"""Events come out as they went in, however the bytes are split and the lines are ended."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.tools.mcp.events import Event, EventParser
from gagarin.server.tools.mcp.messages import HEAD_BYTES

LINE_ENDS = (b"\n", b"\r\n", b"\r")
lines = st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\r" not in line)
names = st.sampled_from(["message", "endpoint", "other"])


def parse(*chunks: bytes) -> list[Event]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Event], bytes]:
    """Events and one of the many ways to write them."""
    end = draw(st.sampled_from(LINE_ENDS))
    text = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    events = []
    for name, data in draw(st.lists(st.tuples(names, st.lists(lines, min_size=1, max_size=3)), max_size=5)):
        events.append(Event(name, b"\n".join(data)))
        text += draw(st.sampled_from([b"", b": a comment" + end, b"retry: 10" + end, b"id: 7" + end, end]))
        text += b"event: " + name.encode() + end
        text += b"".join(b"data: " + line + end for line in data) + end
    return events, text


@given(streams(), st.data())
def test_events_come_out_however_the_bytes_are_split(
    stream: tuple[list[Event], bytes], data: st.DataObject
) -> None:
    events, text = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    found = parse(*(text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])))
    assert [event for event in found if event.data or event in events] == events


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_at_all_are_survived_and_splitting_changes_nothing(chunks: list[bytes]) -> None:
    assert parse(*chunks) == parse(b"".join(chunks))


def test_ids_and_pauses_are_kept() -> None:
    parser = EventParser()
    assert parser.feed(b"id: a-1\nretry: 250\ndata:\n\n") == [Event("message", b"")]
    assert (parser.last_id, parser.retry) == ("a-1", 0.25)
    assert parser.feed(b"id: a-2\n\n") == [Event("message", b"")]
    assert parser.last_id == "a-2"
    assert parser.feed(b": nothing\n\nevent: x\n\n") == []


@pytest.mark.parametrize(
    "wrong", [b"id: a\x00b", b"id: \xff", b"id: a\tb", b"id: " + b"x" * 2000, b"retry: -1"]
)
def test_an_id_that_is_no_header_and_a_wrong_pause_are_passed_over(wrong: bytes) -> None:
    parser = EventParser()
    parser.feed(wrong + b"\ndata: x\n\n")
    assert (parser.last_id, parser.retry) == ("", None)


@pytest.mark.parametrize(
    "long",
    [b"data: " + b"x" * 5000 + b"\n\n", b"data: " + b"\ndata: ".join([b"x" * 90] * 60) + b"\n\n"],
    ids=["one line", "many lines"],
)
@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_an_event_that_is_too_long_is_given_by_its_beginning_and_the_next_is_whole(
    long: bytes, size: int
) -> None:
    parser = EventParser(limit=1000)
    text = b"event: message\n" + long + b"data: next\n\n"
    found = [event for at in range(0, len(text), size) for event in parser.feed(text[at : at + size])]
    assert [event.whole for event in found] == [False, True]
    assert found[0].data.startswith(b"x" * 90)
    assert len(found[0].data) <= HEAD_BYTES
    assert found[1] == Event("message", b"next")
