"""What a stream's recording holds: the newest events, whole, and never more than it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server import recording, sse
from gagarin.server.recording import STREAM_BYTES, Recording


def tokens(texts: list[str], first: int) -> bytes:
    return b"".join(sse.token(text, b"s.", number) for number, text in enumerate(texts, first))


def test_what_follows_an_event_can_be_read_again() -> None:
    made = Recording()
    made.add(tokens(["a", "b"], 1))
    made.add(tokens(["c"], 3))
    everything = tokens(["a", "b", "c"], 1)
    assert made.after(0) == everything
    assert made.after(1) == tokens(["b", "c"], 2)
    assert made.after(3) == b""
    assert made.size == len(everything)


def test_a_recording_that_was_forgotten_knows_that_something_is_missing() -> None:
    made = Recording()
    made.add(tokens(["a", "b"], 1))
    made.forget()
    assert (made.size, made.after(1), made.after(2)) == (0, None, b"")
    made.add(tokens(["c"], 3))
    assert made.after(2) == tokens(["c"], 3)


def test_one_write_that_is_longer_than_a_recording_may_be_leaves_its_last_events() -> None:
    made = Recording()
    events = tokens(["x" * 1000] * 100, 1)
    made.add(events)
    assert made.size <= STREAM_BYTES
    assert made.after(99) == events[events.rindex(b"event: token") :]
    assert made.after(1) is None


@given(st.lists(st.lists(st.text(max_size=30), min_size=1, max_size=5), min_size=1, max_size=30))
def test_however_it_is_written_it_holds_the_newest_whole_events(
    writes: list[list[str]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "STREAM_BYTES", 500)
        made, events = Recording(), list[bytes]()
        for texts in writes:
            first = len(events) + 1
            data = tokens(texts, first)
            events += [tokens([text], first + number) for number, text in enumerate(texts)]
            size = made.size
            assert made.add(data) == made.size - size
            assert made.size <= 500
        held = [number for number in range(len(events) + 1) if made.after(number) is not None]
        assert held == list(range(held[0], len(events) + 1))
        for number in held:
            assert made.after(number) == b"".join(events[number:])
