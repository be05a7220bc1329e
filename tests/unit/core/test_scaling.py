"""Several replicas: some stay up, and one number is scaled."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core.resolved import Resolved
from gagarin.core.scaling import autoscaler, disruption_budget
from tests.unit.core import builders as a


def scaled(**spec: Any) -> Resolved:
    return a.resolved(a.instance(history={"type": "None"}, **spec), a.agent(), a.provider())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, 0),
        ({"replicas": 0}, 0),
        ({"replicas": 2}, 1),
        ({"autoscaling": {"max": 1}}, 0),
        ({"autoscaling": {"max": 2}}, 1),
        ({"replicas": 0, "autoscaling": {"max": 2}}, 1),
    ],
)
def test_a_drain_is_slowed_where_there_can_be_two_pods(spec: dict[str, Any], expected: int) -> None:
    assert len(disruption_budget(scaled(**spec))) == expected


def test_a_drain_always_gets_on() -> None:
    (budget,) = disruption_budget(scaled(replicas=2))
    assert budget["spec"]["maxUnavailable"] == "25%"  # rounded up: at least one
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_without_autoscaling_there_is_no_autoscaler() -> None:
    assert autoscaler(scaled(replicas=2)) == []


def test_what_is_suspended_is_not_scaled() -> None:
    assert autoscaler(scaled(suspend=True, autoscaling={"max": 2})) == []


@pytest.mark.parametrize(("metric", "resource"), [("CPU", "cpu"), ("Memory", "memory")])
def test_the_autoscaler_sets_the_number_of_the_instance(metric: str, resource: str) -> None:
    options = {"min": 2, "max": 5, "metric": {"type": metric, "averageUtilization": 60}}
    (found,) = autoscaler(scaled(autoscaling=options))
    spec = found["spec"]
    assert spec["scaleTargetRef"]["kind"] == "Instance"
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    (measured,) = spec["metrics"]
    assert measured["containerResource"] == {
        "name": resource,
        "container": "chat",
        "target": {"type": "Utilization", "averageUtilization": 60},
    }
