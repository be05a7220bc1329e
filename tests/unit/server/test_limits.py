"""Slots are shared fairly, without anybody being kept waiting."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.limits import ChatSlots
from gagarin.server.metrics import Metrics
from gagarin.serving.errors import Problem


def fill(stack: ExitStack, slots: ChatSlots, caller: str) -> int:
    """Take slots until one is refused; how many it were."""
    taken = 0
    while True:
        try:
            stack.enter_context(slots.take(caller))
        except Problem:
            return taken
        taken += 1


@pytest.mark.parametrize(
    ("limit", "alone"), [(1, 1), (2, 1), (3, 2), (4, 3), (10, 7), (100, 75), (1000, 750)]
)
def test_a_caller_that_is_alone_gets_three_quarters(limit: int, alone: int) -> None:
    with ExitStack() as stack:
        assert fill(stack, ChatSlots(limit, Metrics().chats), "a") == alone


def test_there_is_a_slot_for_everyone_who_has_none_until_all_are_taken() -> None:
    slots = ChatSlots(10, Metrics().chats)
    with ExitStack() as stack:
        assert fill(stack, slots, "greedy") == 7
        for name in ("a", "b", "c"):
            stack.enter_context(slots.take(name))
        with pytest.raises(Problem) as caught:
            stack.enter_context(slots.take("late"))
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
    assert "none is left" in caught.value.detail


def test_whoever_is_refused_learns_how_many_it_has() -> None:
    slots = ChatSlots(4, Metrics().chats)
    with ExitStack() as stack:
        fill(stack, slots, "a")
        with pytest.raises(Problem, match="you have 3 of them"):
            stack.enter_context(slots.take("a"))


def test_two_callers_that_want_everything_come_to_have_the_same() -> None:
    slots = ChatSlots(70, Metrics().chats)
    held: dict[str, list[ExitStack]] = {"a": [], "b": []}

    def more(caller: str) -> None:
        stack = ExitStack()
        try:
            stack.enter_context(slots.take(caller))
        except Problem:
            return
        held[caller].append(stack)

    for _ in range(200):
        more("a")
    for _ in range(200):  # a chat of each ends, and both want a new one
        for caller in ("a", "b"):
            if held[caller]:
                held[caller].pop().close()
            more("b")
            more("a")
    assert abs(len(held["a"]) - len(held["b"])) <= 2
    assert len(held["a"]) + len(held["b"]) >= 58


def test_a_slot_is_free_again_after_a_failure() -> None:
    slots = ChatSlots(1, Metrics().chats)
    with pytest.raises(ValueError, match="x"), slots.take("a"):
        raise ValueError("x")
    with slots.take("a"):
        pass
    assert not slots._taken


@given(st.integers(1, 30), st.lists(st.sampled_from("abcd")))
def test_there_are_never_more_than_the_limit_and_never_all_for_one(limit: int, callers: list[str]) -> None:
    slots = ChatSlots(limit, Metrics().chats)
    with ExitStack() as stack:
        for caller in callers:
            try:
                stack.enter_context(slots.take(caller))
            except Problem:
                continue
        assert slots._total == sum(slots._taken.values()) <= limit
        assert limit == 1 or all(taken < limit for taken in slots._taken.values())
