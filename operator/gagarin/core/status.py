"""The status of every kind: conditions that tell the truth, with documented reasons (see `core.reasons`).

`Accepted` and `ResolvedRefs` say what is wrong with the resources; `Ready` of an Instance says whether the
newest revision is rolled out and serving, in the pods' own words when it is not. `Reconciling` and `Stalled`
are there only while True, as kstatus has it, so that `kubectl wait`, Flux and Argo CD read it right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gagarin.core.objects import Object
from gagarin.core.resolve import Problem, Resolution


@dataclass(frozen=True, slots=True)
class Transition:
    """A condition whose status or reason changed: one Event."""

    condition: str
    status: str
    reason: str
    message: str

    @property
    def event_type(self) -> Literal["Normal", "Warning"]:
        """Warning for what a person should look at."""
        raise NotImplementedError


def status_of(
    item: Object,
    resolution: Resolution,
    children: Sequence[Object],
    now: str,
    *,
    revision: str = "",
    failure: Problem | None = None,
) -> dict[str, Any]:
    """The whole new `status` of an object of any of the five kinds.

    `children` are the live Deployment, ReplicaSets and Pods of an Instance (others are ignored); `now` is
    RFC 3339 in UTC and only used for conditions whose status changes. `revision` is what the operator wants
    to run (`render.revision_of`). `failure` is why it could not apply the children: condition "Ready", a
    reason such as `NameTaken` or `ApplyFailed`, and the API server's own words.
    """
    raise NotImplementedError


def transitions(old: dict[str, Any], new: dict[str, Any]) -> list[Transition]:
    """The conditions whose status or reason differs between two statuses, in the order of `new`."""
    raise NotImplementedError
