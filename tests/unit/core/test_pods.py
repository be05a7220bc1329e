"""Pods that do not run: told in their own words, and the most certain fault first."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core.objects import Object
from gagarin.core.pods import fault_of
from tests.unit.core import builders as a


def ended(code: int, reason: str, message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def condition(
    kind: str, status: str, reason: str = "", message: str = "", since: str = "2026-01-01T00:00:00Z"
) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


UNREADY: dict[str, Any] = {
    "containerStatuses": [{"name": "chat", "ready": False, "started": True, "state": {"running": {}}}]
}
SCHEDULED = condition("PodScheduled", "True")
FAULTS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    (
        "an image that does not exist",
        a.waiting("ErrImagePull", "img:1: not found"),
        ("ImagePullFailed", "img:1: not found"),
    ),
    (
        "the same during a back-off",
        a.waiting("ImagePullBackOff", 'Back-off pulling image "img:1": ErrImagePull: img:1: not found'),
        ("ImagePullFailed", "ErrImagePull: img:1: not found"),
    ),
    (
        "a back-off that says no more",
        a.waiting("ImagePullBackOff", 'Back-off pulling image "img:1"'),
        ("ImagePullFailed", "ImagePullBackOff img:1"),
    ),
    (
        "a variable from a Secret that is missing",
        a.waiting("CreateContainerConfigError", 'secret "x" not found'),
        ("PodConfigFailed", 'secret "x" not found'),
    ),
    (
        "a crash with last words",
        a.waiting("CrashLoopBackOff", "back-off 10s", lastState=ended(2, "Error", "bad configuration\n")),
        ("PodCrashed", "container chat ended with exit code 2 (Error): bad configuration"),
    ),
    (
        "a crash without",
        a.waiting("CrashLoopBackOff", "back-off 20s", lastState=ended(137, "OOMKilled")),
        ("PodCrashed", "container chat ended with exit code 137 (OOMKilled)"),
    ),
    (
        "a crash just now",
        {"containerStatuses": [{"name": "chat", "ready": False, "state": ended(1, "Error", "oops")}]},
        ("PodCrashed", "container chat ended with exit code 1 (Error): oops"),
    ),
    (
        "starting again after a crash",
        {
            "containerStatuses": [
                {"name": "chat", "ready": False, "state": {"running": {}}, "lastState": ended(1, "Error")}
            ]
        },
        ("PodCrashed", "container chat ended with exit code 1 (Error)"),
    ),
    (
        "no node",
        {"conditions": [condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")]},
        ("Unschedulable", "0/3 nodes are available"),
    ),
    (
        "volumes that do not come",
        {"conditions": [SCHEDULED, condition("PodReadyToStartContainers", "False")]},
        ("PodNotStarted", "it waits for its volumes or its network; kubectl describe shows the events"),
    ),
    (
        "a probe that fails for long",
        UNREADY | {"conditions": [condition("ContainersReady", "False")]},
        ("PodNotReady", "container chat runs, and its probe fails"),
    ),
    (
        "a sidecar that crashes",
        {
            "initContainerStatuses": [
                {"name": "bridge", "ready": True, "state": ended(0, "Completed")},
                {
                    "name": "files-1",
                    "ready": False,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": ended(127, "Error", "run: not found"),
                },
            ]
        },
        ("PodCrashed", "container files-1 ended with exit code 127 (Error): run: not found"),
    ),
    (
        "a sidecar whose image would run as root",
        {
            "initContainerStatuses": [
                {
                    "name": "files-1",
                    "ready": False,
                    "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "runs as root"}},
                }
            ]
        },
        ("PodConfigFailed", "runs as root"),
    ),
]


@pytest.mark.parametrize(("status", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_pod_says_why_it_does_not_run(status: dict[str, Any], expected: tuple[str, str]) -> None:
    fault = fault_of([a.pod("r1", **status)], a.NOW)
    assert fault is not None
    assert (fault.condition, fault.reason, fault.message) == (
        "Ready",
        expected[0],
        f"Pod support-x: {expected[1]}",
    )


def test_a_pod_that_was_evicted_is_no_fault_of_those_that_took_its_place() -> None:
    gone = {
        "phase": "Failed",
        "containerStatuses": [{"name": "chat", "ready": False, "state": ended(137, "Error")}],
    }
    evicted, starting = (
        a.pod("r1", name="old", **gone),
        a.pod("r1", name="new", **a.waiting("ContainerCreating")),
    )
    assert fault_of([evicted, starting], a.NOW) is None
    alone = fault_of([evicted], a.NOW)
    assert alone is not None
    assert alone.reason == "PodCrashed"


FINE: list[tuple[str, dict[str, Any]]] = [
    ("nothing is known yet", {}),
    ("it is being created", a.waiting("ContainerCreating")),
    ("it runs", {"containerStatuses": [{"name": "chat", "ready": True, "state": {"running": {}}}]}),
    (
        "it has recovered",
        {
            "containerStatuses": [
                {"name": "chat", "ready": True, "state": {"running": {}}, "lastState": ended(1, "Error")}
            ]
        },
    ),
    (
        "a probe fails since a moment ago",
        UNREADY | {"conditions": [condition("ContainersReady", "False", since="2026-01-01T00:09:30Z")]},
    ),
    (
        "an init container has done its work",
        {"initContainerStatuses": [{"name": "bridge", "ready": False, "state": ended(0, "Completed")}]},
    ),
    (
        "it waits for volumes since a moment ago",
        {
            "conditions": [
                condition("PodScheduled", "True", since="2026-01-01T00:09:30Z"),
                condition("PodReadyToStartContainers", "False"),
            ]
        },
    ),
    ("it waits for the scheduler", {"conditions": [condition("PodScheduled", "False", "SchedulingGated")]}),
]


@pytest.mark.parametrize("status", [row[1] for row in FINE], ids=[row[0] for row in FINE])
def test_a_pod_is_not_blamed_while(status: dict[str, Any]) -> None:
    assert fault_of([a.pod("r1", **status)], a.NOW) is None


def test_a_pod_on_its_way_out_is_not_blamed() -> None:
    leaving = a.pod("r1", **a.waiting("ErrImagePull", "x"))
    leaving["metadata"]["deletionTimestamp"] = a.NOW
    assert fault_of([leaving], a.NOW) is None


def test_the_most_certain_fault_is_told_and_always_of_the_same_pod() -> None:
    pods = [
        a.pod("r1", "c", **a.waiting("CreateContainerConfigError", "x")),
        a.pod("r1", "b", **a.waiting("ErrImagePull", "x")),
        a.pod("r1", "a", **a.waiting("ErrImagePull", "x")),
    ]
    told = {fault.message for fault in (fault_of(pods, a.NOW), fault_of(pods[::-1], a.NOW)) if fault}
    assert told == {"Pod a: x"}
