"""How far the newest revision of an Instance has come, read from its Deployment, ReplicaSets, Pods and volume
claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gagarin.core import names
from gagarin.core.objects import Object
from gagarin.core.pods import fault_of
from gagarin.core.problems import Problem
from gagarin.core.render import revision_of

# What a pod that waits for its volume is also told to have.
_FOLLOW_FROM_VOLUME = ("Unschedulable", "PodNotStarted", "RolloutTimedOut")


def hindrance(deployment: Object, children: Sequence[Object], revision: str, now: str) -> Problem | None:
    """Why the newest revision does not serve in full, in the words of whoever keeps it from that; or None."""
    if revision_of([deployment]) != revision:
        return Problem("Ready", "RolloutPending", f"revision {revision} is not rolled out yet")
    if not _is_observed(deployment):
        return Problem("Ready", "RollingOut", f"revision {revision}: no pods started yet")
    if _is_complete(deployment):
        return None
    pods = [child for child in children if child["kind"] == "Pod" and _revision(child) == revision]
    volume = _volume_fault(children)
    if fault := fault_of(pods, now) or _deployment_fault(deployment):
        is_cause = volume is not None and fault.reason in _FOLLOW_FROM_VOLUME
        return replace(fault, message=f"{fault.message}; {volume.message}") if volume and is_cause else fault
    return volume or _progress(deployment, revision)


def stopping(deployment: Object) -> Problem | None:
    """Why an Instance that is meant to run nothing is not there yet; None when no pods are left."""
    left = _status(deployment).get("replicas", 0)
    if _is_observed(deployment) and not deployment["spec"].get("replicas", 1) and not left:
        return None
    return Problem("Ready", "RollingOut", f"{left} pods are still there")


def serving_revision(children: Sequence[Object], newest: str) -> str | None:
    """The revision that answers: the newest as soon as one of its pods does, else the youngest that does."""
    sets = [child for child in children if child["kind"] == "ReplicaSet" and _answers(child)]
    if not sets:
        return None
    return max(
        (_revision(one) == newest, one["metadata"].get("creationTimestamp", ""), _revision(one))
        for one in sets
    )[2]


def _volume_fault(children: Sequence[Object]) -> Problem | None:
    for child in children:
        phase = _status(child).get("phase") if child["kind"] == "PersistentVolumeClaim" else None
        claim = f"PersistentVolumeClaim {child['metadata']['name']}"
        if phase == "Lost":
            return Problem("Ready", "VolumeLost", f"{claim} has lost its volume")
        if phase == "Pending":
            return Problem("Ready", "VolumePending", f"{claim} has no volume yet{_class_of(child)}")
    return None


def _class_of(claim: Object) -> str:
    name = claim.get("spec", {}).get("storageClassName")
    return f": storage class {name} has to provide one" if name else ""


def _is_observed(deployment: Object) -> bool:
    observed: int = _status(deployment).get("observedGeneration", 0)
    return observed >= int(deployment["metadata"].get("generation", 0))


def _is_complete(deployment: Object) -> bool:
    """All pods are of the newest revision and available, and those of older ones are gone."""
    status, wanted = _status(deployment), deployment["spec"].get("replicas", 1)
    counts = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas"))
    return all(count == wanted for count in counts)


def _deployment_fault(deployment: Object) -> Problem | None:
    conditions = {condition["type"]: condition for condition in _status(deployment).get("conditions") or ()}
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return Problem("Ready", "PodsRefused", failure.get("message", "the API server refuses the pods"))
    if conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        return Problem("Ready", "RolloutTimedOut", "the newest pods did not become available in time")
    return None


def _progress(deployment: Object, revision: str) -> Problem:
    status, wanted = _status(deployment), deployment["spec"].get("replicas", 1)
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    if conditions.get("Progressing", {}).get("reason") == "NewReplicaSetAvailable":
        available = f"{status.get('availableReplicas', 0)} of {wanted} pods are available"
        return Problem("Ready", "PodsNotAvailable", available)
    updated = f"revision {revision}: {status.get('updatedReplicas', 0)} of {wanted} pods started"
    return Problem("Ready", "RollingOut", f"{updated}, {status.get('availableReplicas', 0)} available in all")


def _answers(replica_set: Object) -> bool:
    return bool(_status(replica_set).get("availableReplicas"))


def _revision(child: Object) -> str:
    revision: str = (child["metadata"].get("labels") or {}).get(names.REVISION, "")
    return revision


def _status(item: Object) -> dict[str, Any]:
    status: dict[str, Any] = item.get("status") or {}
    return status
