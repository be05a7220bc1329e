"""Every reason that a condition can have, documented in one table.

Reasons are an interface: programs wait for them, alerts name them, the reference page is generated from
`REASONS`. `Ready` takes over the reason of `Accepted` or `ResolvedRefs` when one of those is not True, so
that one look at `kubectl get` tells what to mend; `Reconciling` and `Stalled` have the reason of `Ready`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ConditionType = Literal["Accepted", "ResolvedRefs", "Ready"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One documented reason of a condition.

    `outlook`: Fine, or Stopped (all is as it should be: nothing runs), or Moving (wait), or Stalled (waiting
    does not help, somebody has to change something).
    """

    condition: ConditionType
    name: str
    outlook: Literal["Fine", "Stopped", "Moving", "Stalled"]
    meaning: str

    @property
    def status(self) -> Literal["True", "False"]:
        """What the condition is with this reason."""
        return "True" if self.outlook in ("Fine", "Stopped") else "False"


REASONS = (
    Reason("Accepted", "Accepted", "Fine", "The spec makes sense."),
    Reason("Accepted", "InvalidSpec", "Stalled", "The spec contradicts itself; the message names the field."),
    Reason("Accepted", "TooLarge", "Stalled", "The resolved configuration is over 900 KiB."),
    Reason("Accepted", "NotAvailable", "Stalled", "The spec asks for what this installation does not offer."),
    Reason("Accepted", "ForbiddenByPolicy", "Stalled", "The policy of this installation does not allow it."),
    Reason("ResolvedRefs", "Resolved", "Fine", "All that is referred to is there and may be used."),
    Reason("ResolvedRefs", "RefNotFound", "Stalled", "An object, or a key of a ConfigMap, does not exist."),
    Reason("ResolvedRefs", "RefNotPermitted", "Stalled", "An object does not allow this use: no pods run."),
    Reason("ResolvedRefs", "SecretKeyNotFound", "Stalled", "A Secret has no key of the name given."),
    Reason(
        "ResolvedRefs",
        "RefNotReady",
        "Stalled",
        "An object is not accepted itself, has a value that cannot be used, or cannot be judged.",
    ),
    Reason("ResolvedRefs", "CycleDetected", "Stalled", "Resources refer to each other in a circle."),
    Reason("Ready", "Ready", "Fine", "It can be used; of an Instance, the newest revision serves."),
    Reason("Ready", "Suspended", "Stopped", "Nothing runs, as asked: `suspend` is set."),
    Reason("Ready", "ScaledToZero", "Stopped", "Nothing runs, as asked: `replicas` is 0."),
    Reason("Ready", "RolloutPending", "Moving", "The newest revision is not rolled out yet."),
    Reason("Ready", "RollingOut", "Moving", "Pods of the newest revision are starting."),
    Reason("Ready", "PodsNotAvailable", "Moving", "Pods of the newest revision stopped answering."),
    Reason("Ready", "RolloutTimedOut", "Stalled", "New pods did not become available in time."),
    Reason("Ready", "ImagePullFailed", "Stalled", "The image of a pod cannot be pulled."),
    Reason("Ready", "PodConfigFailed", "Stalled", "A container cannot be made: its configuration is wrong."),
    Reason("Ready", "PodCrashed", "Stalled", "A container ends; the message has its last words."),
    Reason("Ready", "Unschedulable", "Stalled", "No node takes a pod."),
    Reason("Ready", "PodNotStarted", "Stalled", "A pod waits for its volumes or network for over a minute."),
    Reason("Ready", "PodNotReady", "Stalled", "A pod runs, and its probe fails for over a minute."),
    Reason("Ready", "VolumePending", "Moving", "The volume for conversations is not provided yet."),
    Reason("Ready", "VolumeLost", "Stalled", "The volume with the conversations is gone."),
    Reason("Ready", "PodsRefused", "Stalled", "The API server refuses pods: a quota or a policy."),
    Reason("Ready", "NameTaken", "Stalled", "A foreign object has the name of a child; it is left alone."),
    Reason("Ready", "ApplyFailed", "Stalled", "The API server refuses a child; the message has its words."),
    Reason("Ready", "Conflicted", "Stalled", "Somebody else keeps changing a child back."),
)

REASON_BY_NAME = {reason.name: reason for reason in REASONS}
