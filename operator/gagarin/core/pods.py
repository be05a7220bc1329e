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
# How long a pod may wait for volumes and network before that is called a fault.
START_SECONDS = 60
# The fault that is told when pods have different ones: the most certain first.
_ORDER = ("ImagePullFailed", "PodConfigFailed", "PodCrashed", "Unschedulable", "PodNotStarted")


def fault_of(pods: Iterable[Object], now: str) -> Problem | None:
    """Why these pods do not run, told of the one that tells most; None when nothing is known to be wrong."""
    faults = [(name, *fault) for name, pod in _living(pods) for fault in _faults(pod, now)]
    if not faults:
        return None
    name, reason, message = min(faults, key=lambda fault: (_ORDER.index(fault[1]), fault[0]))
    return Problem("Ready", reason, f"Pod {name}: {message}")


def _living(pods: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"]:
            yield pod["metadata"]["name"], pod


def _faults(pod: Object, now: str) -> Iterator[tuple[str, str]]:
    status = pod.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        yield "Unschedulable", scheduled.get("message", "no node takes it")
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        yield from _container_faults(container)
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
    scheduled, sandbox = conditions.get("PodScheduled", {}), conditions.get("PodReadyToStartContainers", {})
    if scheduled.get("status") != "True" or sandbox.get("status") != "False":
        return False
    since = datetime.fromisoformat(scheduled["lastTransitionTime"])
    return datetime.fromisoformat(now) - since > timedelta(seconds=START_SECONDS)
