"""Why a condition is what it is: every reason the product uses, documented in one table.

Reasons are an interface: programs wait for them, alerts name them, the reference page is generated from
`REASONS`. A problem is a reason that keeps a condition from being True, with a sentence for a person that
names the field or the object and says what to change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ConditionType = Literal["Accepted", "ResolvedRefs", "Ready"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: a reason out of `REASONS` and a sentence that names the field or the object."""

    condition: ConditionType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One documented reason. `status` is what the condition is with it; `stalled`: waiting does not help,
    somebody has to change something."""

    condition: ConditionType
    name: str
    status: Literal["True", "False", "Unknown"]
    meaning: str
    stalled: bool = False


REASONS = (
    Reason("Accepted", "Accepted", "True", "The spec makes sense."),
    Reason("Accepted", "InvalidSpec", "False", "The spec contradicts itself; the message names the field.", True),
    Reason("Accepted", "TooLarge", "False", "The resolved configuration is over 900 KiB.", True),
    Reason("Accepted", "NotAvailable", "False", "The spec asks for something this version cannot do.", True),
    Reason("ResolvedRefs", "Resolved", "True", "Everything the resource refers to is there and may be used."),
    Reason("ResolvedRefs", "RefNotFound", "False", "An object, or a key of a ConfigMap, does not exist.", True),
    Reason("ResolvedRefs", "RefNotPermitted", "False", "An object does not allow this use; pods are stopped.", True),
    Reason("ResolvedRefs", "SecretKeyNotFound", "False", "A Secret exists without the key that is named.", True),
    Reason("ResolvedRefs", "RefNotReady", "False", "An object exists but is itself not accepted.", True),
    Reason("ResolvedRefs", "CycleDetected", "False", "Resources refer to each other in a circle.", True),
    Reason("Ready", "Ready", "True", "It can be used; for an Instance: the newest revision serves."),
    Reason("Ready", "NotAccepted", "False", "The condition Accepted says why.", True),
    Reason("Ready", "RefsNotResolved", "False", "The condition ResolvedRefs says why.", True),
    Reason("Ready", "Suspended", "False", "`suspend` is set, so no pods run."),
    Reason("Ready", "ScaledToZero", "False", "`replicas` is 0, so no pods run."),
    Reason("Ready", "RolloutPending", "False", "The newest revision waits for its turn to be rolled out."),
    Reason("Ready", "RollingOut", "False", "Pods of the newest revision are starting."),
    Reason("Ready", "PodsNotAvailable", "False", "The newest revision is rolled out, but pods do not answer."),
    Reason("Ready", "ImagePullFailed", "False", "The image cannot be pulled.", True),
    Reason("Ready", "PodConfigFailed", "False", "A container cannot be made from its configuration.", True),
    Reason("Ready", "PodCrashed", "False", "The chat server ends; the message has its own last words.", True),
    Reason("Ready", "Unschedulable", "False", "No node takes the pod.", True),
    Reason("Ready", "MountFailed", "False", "A volume of the pod cannot be mounted.", True),
    Reason("Ready", "PodsRefused", "False", "The API server refuses the pods: a quota or a policy.", True),
    Reason("Ready", "NameTaken", "False", "A foreign object has the name of a child; it is left alone.", True),
    Reason("Ready", "ApplyFailed", "False", "The API server refuses a child; the message has its words.", True),
    Reason("Ready", "Conflicted", "False", "Somebody else keeps changing a child back.", True),
)

REASON_BY_NAME = {reason.name: reason for reason in REASONS}
