"""Putting back without fighting."""

from __future__ import annotations

from gagarin.controller.drift import FIGHT, LONGEST_DELAY, MEMORY, Corrections
from gagarin.core.objects import Key
from tests.unit.server.clock import Clock

KEY, OTHER = Key("Service", "demo", "a"), Key("Service", "demo", "b")


def test_the_first_correction_is_immediate_and_the_next_ones_wait_twice_as_long() -> None:
    clock = Clock()
    corrections = Corrections(clock)
    assert not corrections.applied(KEY, "f")
    waits = []
    for _ in range(4):
        waits.append(corrections.due_in(KEY, "f"))
        clock.seconds += waits[-1]
        assert corrections.applied(KEY, "f")
    assert waits == [0.0, 1.0, 2.0, 4.0]
    assert corrections.due_in(OTHER, "f") == 0.0


def test_another_manifest_is_no_correction() -> None:
    corrections = Corrections(Clock())
    for fingerprint in ("f", "f", "f", "g"):
        corrections.applied(KEY, fingerprint)
    assert corrections.due_in(KEY, "g") == 0.0
    assert not corrections.applied(KEY, "f")


def test_the_wait_has_an_upper_bound() -> None:
    corrections = Corrections(Clock())
    for _ in range(20):
        corrections.applied(KEY, "f")
    assert corrections.due_in(KEY, "f") == LONGEST_DELAY


def test_the_third_correction_makes_it_a_fight_and_quiet_ends_it() -> None:
    clock = Clock()
    corrections = Corrections(clock)
    for _ in range(FIGHT):
        corrections.applied(KEY, "f")
        assert not corrections.is_fight(KEY, "f")
    corrections.applied(KEY, "f")
    assert corrections.is_fight(KEY, "f")
    assert not corrections.is_fight(KEY, "g")
    clock.seconds += MEMORY + 1
    assert not corrections.is_fight(KEY, "f")
    assert corrections.due_in(KEY, "f") == 0.0


def test_what_is_long_ago_is_not_kept() -> None:
    clock = Clock()
    corrections = Corrections(clock)
    for number in range(100):
        corrections.applied(Key("Service", "demo", str(number)), "f")
    clock.seconds += MEMORY + 1
    corrections.applied(KEY, "f")
    assert len(corrections._records) == 1
