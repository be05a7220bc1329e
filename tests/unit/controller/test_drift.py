"""Putting back without fighting."""

from __future__ import annotations

from gagarin.controller.drift import FIGHT, LONGEST_DELAY, MEMORY, Corrections
from gagarin.core.objects import Key
from tests.unit.server.clock import Clock

KEY, OTHER = Key("Service", "demo", "a"), Key("Service", "demo", "b")


def test_the_first_correction_is_immediate_and_the_next_ones_wait_twice_as_long() -> None:
    clock = Clock()
    corrections = Corrections(clock)
    waits = []
    for _ in range(4):
        waits.append(corrections.due_in(KEY))
        clock.seconds += waits[-1]
        corrections.corrected(KEY)
    assert waits == [0.0, 1.0, 2.0, 4.0]
    assert corrections.due_in(OTHER) == 0.0


def test_the_wait_has_an_upper_bound() -> None:
    corrections = Corrections(Clock())
    for _ in range(20):
        corrections.corrected(KEY)
    assert corrections.due_in(KEY) == LONGEST_DELAY


def test_the_third_correction_makes_it_a_fight_and_quiet_ends_it() -> None:
    clock = Clock()
    corrections = Corrections(clock)
    for _ in range(FIGHT):
        assert not corrections.is_fight(KEY)
        corrections.corrected(KEY)
    assert corrections.is_fight(KEY)
    clock.seconds += MEMORY + 1
    assert not corrections.is_fight(KEY)
    assert corrections.due_in(KEY) == 0.0
