"""Events come out as they went in, however the bytes are split and the lines are ended."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server import sse
from gagarin.server.sse import MAX_EVENT_BYTES, EventTooLong, Parser

LINE_ENDS = (b"\n", b"\r\n", b"\r")
payload_lines = st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\r" not in line)
payloads = st.lists(payload_lines, min_size=1, max_size=3)


def parse(*chunks: bytes) -> list[bytes]:
    parser = Parser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.finish()


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Events and one of the many ways to write them."""
    events: list[list[bytes]] = draw(st.lists(payloads, max_size=5))
    end = draw(st.sampled_from(LINE_ENDS))
    text = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for event in events:
        text += draw(st.sampled_from([b"", b": a comment" + end, b"event: token" + end, b"id" + end]))
        text += b"".join(b"data: " + line + end for line in event) + end
    blank_line_left_out: bool = draw(st.booleans())
    if events and blank_line_left_out:
        text = text.removesuffix(end)
    return [b"\n".join(event) for event in events], text


@given(streams(), st.data())
def test_events_come_out_however_the_bytes_are_split(
    stream: tuple[list[bytes], bytes], data: st.DataObject
) -> None:
    events, text = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edges = [0, *cuts, len(text)]
    assert parse(*(text[a:b] for a, b in itertools.pairwise(edges))) == events


@given(streams())
def test_events_come_out_byte_by_byte(stream: tuple[list[bytes], bytes]) -> None:
    events, text = stream
    assert parse(*(text[i : i + 1] for i in range(len(text)))) == events


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_at_all_are_survived_and_splitting_changes_nothing(chunks: list[bytes]) -> None:
    assert parse(*chunks) == parse(b"".join(chunks))


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"event: ping\n\n", []),
        (b"data:one\n\ndata: two\n\n", [b"one", b"two"]),
        (b"data:  kept space\n\n", [b" kept space"]),
        (b"data\n\n", [b""]),
        (b"database: no\n\n", []),
        (b"data: last", [b"last"]),
        (b"data: last\n", [b"last"]),
        (b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"]),
        (b"data: \xff\xfe\n\n", [b"\xff\xfe"]),
    ],
)
def test_the_corners_of_the_format(text: bytes, events: list[bytes]) -> None:
    assert parse(text) == events


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    parser = Parser()
    assert parser.feed(b"data: one\n") == []
    assert parser.feed(b"\ndata: tw") == [b"one"]
    assert parser.feed(b"o\r\n\r") == [b"two"]
    assert parser.feed(b"\ndata: three\r\n\r\n") == [b"three"]


def test_a_line_of_nearly_a_megabyte_is_read() -> None:
    text = b"x" * (MAX_EVENT_BYTES - 10)
    assert parse(b"data: ", *itertools.repeat(text[:1024], 1023), text[: 1014 - 10], b"\n\n") == [
        b"x" * (1024 * 1023 + 1004)
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        [b"x" * 1024] * 1025,
        [b"data: " + b"x" * (MAX_EVENT_BYTES + 1) + b"\n\n"],
        [b"\n" + b"x" * (MAX_EVENT_BYTES + 1)],
        [b"data: " + b"x" * 1024 + b"\n"] * 1025,
    ],
    ids=["a line that never ends", "one long event", "a long last line", "an event that never ends"],
)
def test_what_never_ends_is_an_error(chunks: list[bytes]) -> None:
    with pytest.raises(EventTooLong):
        parse(*chunks)


@given(st.text())
def test_a_token_is_the_event_that_any_other_way_makes(text: str) -> None:
    assert sse.token(text, b"stream.", 9) == sse.event("token", {"text": text}, b"stream.", 9)


def test_an_event_has_a_name_and_json_and_an_id_if_it_is_given_one() -> None:
    done = {"conversation": "a\nb"}
    assert sse.event("done", done) == b'event: done\ndata: {"conversation":"a\\nb"}\n\n'
    assert sse.event("done", done, b"s.", 2) == b'event: done\ndata: {"conversation":"a\\nb"}\nid: s.2\n\n'


def test_a_heartbeat_and_a_nameless_event_are_what_parsers_expect() -> None:
    assert parse(sse.HEARTBEAT + sse.message(b"[DONE]")) == [b"[DONE]"]
