"""What fits into a context window: whole turns, the newest ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.config import ModelTarget
from gagarin.server.history.window import MESSAGE_TOKENS, estimate, fitting, room
from gagarin.server.wire import Message
from tests.unit.server.providing import provider


def target(window: int | None, **params: Any) -> ModelTarget:
    return ModelTarget(provider=provider("http://unused"), model="m", params=params, context_window=window)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 2), ("ж", 1), ("日本語", 3)])
def test_a_text_is_estimated_by_its_bytes(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


def test_without_a_known_window_nothing_is_cut() -> None:
    past = [Message("user", "x" * 100_000)]
    assert room(target(None), "prompt") is None
    assert fitting(past, room(target(None))) is past


@pytest.mark.parametrize(
    ("params", "answer"),
    [({}, 250), ({"max_tokens": 100}, 100), ({"max_completion_tokens": 7, "max_tokens": 9}, 7)],
)
def test_room_is_left_for_the_answer(params: dict[str, Any], answer: int) -> None:
    assert room(target(1000, **params)) == 1000 - answer


def test_a_large_window_leaves_4096_tokens_for_the_answer() -> None:
    assert room(target(100_000)) == 100_000 - 4096


def test_what_is_sent_beside_the_past_takes_room() -> None:
    assert room(target(1000, max_tokens=100), "abc", "abcdef") == 900 - 3 - 2 * MESSAGE_TOKENS
    assert (room(target(10, max_tokens=100)) or 0) < 0


def test_a_turn_is_dropped_whole() -> None:
    past = [Message("user", "abc"), Message("assistant", "abc"), Message("user", "abc"), Message("user", "x")]
    each = MESSAGE_TOKENS + 1
    assert fitting(past, 4 * each) == past
    assert fitting(past, 3 * each) == past[2:]
    assert fitting(past, each) == past[3:]
    assert fitting(past, each - 1) == []
    assert fitting(past, -5) == []


ROLES = st.sampled_from(["user", "assistant"])


@given(st.lists(st.builds(Message, ROLES, st.text(max_size=20))), st.integers(-10, 300))
def test_what_is_kept_is_the_end_fits_and_begins_with_a_question(past: list[Message], left: int) -> None:
    kept = fitting(past, left)
    assert list(kept) == past[len(past) - len(kept) :]
    assert not kept or kept[0].role == "user"
    assert sum(estimate(message.content) + MESSAGE_TOKENS for message in kept) <= max(left, 0)
