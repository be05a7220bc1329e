"""Why pods do not run, in their own words: read from the status that the scheduler and the kubelet wrote.

The messages come without what changes from one look to the next (how long a back-off lasts), so that a pod
that fails in the same way does not make the status of its Instance change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from gagarin.core.objects import Object
from gagarin.core.problems import Problem

IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
OVER = ("Succeeded", "Failed")
# How long a pod may wait for volumes and network, or be unready, before that is called a fault.
START_SECONDS = 60
# The fault that is told when pods have different ones: the most certain first.
_ORDER = (
    "ImagePullFailed",
    "PodConfigFailed",
    "PodCrashed",
    "Unschedulable",
    "PodNotStarted",
    "PodNotReady",
)


def fault_of(pods: Iterable[Object], now: str) -> Problem | None:
    """Why these pods do not run, told of the one that tells most; None when nothing is known to be wrong."""
    faults = [(name, *fault) for name, pod in _living(pods) for fault in _faults(pod, now)]
    if not faults:
        return None
    name, reason, message = min(faults, key=lambda fault: (_ORDER.index(fault[1]), fault[0]))
    return Problem("Ready", reason, f"Pod {name}: {message}")


def _living(pods: Iterable[Object]) -> list[tuple[str, Object]]:
    """Those that are not being deleted. One that is over (evicted, or its node shut down) stays there and is
    never started again: it tells something only as long as no other has taken its place."""
    there = [(pod["metadata"]["name"], pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    going = [each for each in there if (each[1].get("status") or {}).get("phase") not in OVER]
    return going or there


def _faults(pod: Object, now: str) -> Iterator[tuple[str, str]]:
    status = pod.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        yield "Unschedulable", scheduled.get("message", "no node takes it")
    setting_up = [each for each in status.get("initContainerStatuses") or () if not _is_done(each)]
    running = status.get("containerStatuses") or []
    for container in (*setting_up, *running):
        yield from _container_faults(container)
    if _is_since(conditions.get("ContainersReady", {}), "False", now):
        names = (each["name"] for each in running if _is_unready(each))
        yield from (("PodNotReady", f"container {name} runs, and its probe fails") for name in names)
    if _waits_to_start(conditions, now):
        yield "PodNotStarted", "it waits for its volumes or its network; kubectl describe shows the events"


def _container_faults(container: dict[str, Any]) -> Iterator[tuple[str, str]]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE_REASONS:
        yield "ImagePullFailed", _without_back_off(message) or f"{reason} {container.get('image', '')}"
    elif reason in CONFIG_REASONS:
        yield "PodConfigFailed", message or reason
    elif end := _last_end(container):
        yield "PodCrashed", _last_words(container["name"], end)


def _last_end(container: dict[str, Any]) -> dict[str, Any] | None:
    """How a container ended that is not well again: one that is ready has recovered."""
    if container.get("ready"):
        return None
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        end: dict[str, Any] | None = state.get("terminated")
        if end:
            return end
    return None


def _last_words(name: str, end: dict[str, Any]) -> str:
    how = f"container {name} ended with exit code {end.get('exitCode')} ({end.get('reason', 'Error')})"
    words = (end.get("message") or "").strip()
    return f"{how}: {words}" if words else how


def _without_back_off(message: str) -> str:
    return re.sub(r'^Back-off pulling image "[^"]*"(: )?', "", message)


def _waits_to_start(conditions: dict[str, Any], now: str) -> bool:
    sandbox = conditions.get("PodReadyToStartContainers", {})
    return sandbox.get("status") == "False" and _is_since(conditions.get("PodScheduled", {}), "True", now)


def _is_done(init_container: dict[str, Any]) -> bool:
    end = (init_container.get("state") or {}).get("terminated") or {}
    return bool(end.get("exitCode") == 0)


def _is_unready(container: dict[str, Any]) -> bool:
    return "running" in (container.get("state") or {}) and not container.get("ready")


def _is_since(condition: dict[str, Any], status: str, now: str) -> bool:
    """Whether a condition has had this status for longer than starting may take."""
    if condition.get("status") != status:
        return False
    since = datetime.fromisoformat(condition["lastTransitionTime"])
    return datetime.fromisoformat(now) - since > timedelta(seconds=START_SECONDS)
