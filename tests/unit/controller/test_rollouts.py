"""How many Instances roll at once."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.controller.rollouts import Rollouts, is_settled
from gagarin.core.objects import Key, Object

A, B, C, D = (Key("Instance", "demo", name) for name in "abcd")


def deployment(**status: Any) -> Object:
    counts = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    return {"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": counts | status}


def test_a_complete_rollout_is_settled() -> None:
    assert is_settled(deployment())


@pytest.mark.parametrize(
    "status", [{"observedGeneration": 1}, {"replicas": 2}, {"updatedReplicas": 0}, {"availableReplicas": 0}]
)
def test_one_that_goes_on_is_not(status: dict[str, int]) -> None:
    assert not is_settled(deployment(**status))


def test_one_that_was_given_up_is() -> None:
    given_up = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    assert is_settled(deployment(availableReplicas=0, conditions=given_up))


def test_no_more_than_the_limit_roll_and_the_next_is_woken_in_turn() -> None:
    woken: list[Key] = []
    rollouts = Rollouts(1, woken.append)
    assert [rollouts.admit(key) for key in (A, B, C, B)] == [True, False, False, False]
    assert (rollouts.rolling, rollouts.waiting) == (1, 2)
    rollouts.leave(A)
    assert woken == [B]
    assert rollouts.admit(B)
    rollouts.leave(B)
    assert woken[-1] == C


def test_who_rolls_may_go_on() -> None:
    rollouts = Rollouts(1, lambda _: None)
    assert rollouts.admit(A)
    assert rollouts.admit(A)


def test_one_that_no_longer_wants_to_does_not_keep_the_others_waiting() -> None:
    woken: list[Key] = []
    rollouts = Rollouts(1, woken.append)
    for key in (A, B, C):
        rollouts.admit(key)
    rollouts.leave(A)
    rollouts.leave(B)  # woken, but its change was reverted
    assert woken == [B, C]


def test_what_rolled_before_a_restart_counts() -> None:
    rollouts = Rollouts(2, lambda _: None)
    rollouts.recover([A, B])
    assert not rollouts.admit(C)
    assert rollouts.admit(A)
