"""The status of every kind: conditions that tell the truth, with documented reasons (see `core.reasons`).

`Accepted` and `ResolvedRefs` say what is wrong with the resources; `Ready` of an Instance says whether the
newest revision is rolled out and serving, in the pods' own words when it is not; one that is meant to run
nothing is Ready when nothing runs. `Reconciling` and `Stalled` are there only while True, as kstatus has it,
so that `kubectl wait`, Flux and Argo CD read it right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gagarin.core import names
from gagarin.core.objects import Object, key_of
from gagarin.core.problems import Problem
from gagarin.core.reasons import REASON_BY_NAME
from gagarin.core.render import revision_of
from gagarin.core.resolve import Resolution
from gagarin.core.rollout import hindrance, serving_revision, stopping

# metav1.Condition allows 32,768 characters; nobody reads as much.
MESSAGE_CHARS = 4096
Condition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Transition:
    """A condition whose status or reason changed: one Event."""

    condition: str
    status: str
    reason: str
    message: str

    @property
    def event_type(self) -> Literal["Normal", "Warning"]:
        """Warning for what does not get better by waiting."""
        known = REASON_BY_NAME.get(self.reason)
        return "Warning" if known is None or known.outlook == "Stalled" else "Normal"


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

    `children` are the live Deployment, ReplicaSets, Pods and PersistentVolumeClaim of an Instance (others are
    ignored); `now` is
    RFC 3339 in UTC and only used for conditions whose status changes and for what takes too long. `revision`
    is what the operator wants to run (`render.revision_of`), "" when it could not be rendered. `failure` is
    why it could not apply the children: condition "Ready", a reason such as `NameTaken` or `ApplyFailed`,
    and the API server's own words.
    """
    key = key_of(item)
    generation = item["metadata"].get("generation", 0)
    deployment = _deployment(children, key.name)
    problems = tuple(sorted(resolution.problems, key=lambda problem: problem.condition))  # Accepted first
    if key.kind == "Instance" and not problems:
        obstacle = failure or _obstacle(item, deployment, children, revision, now)
        problems = (obstacle,) if obstacle else ()
    verdicts = [_accepted(resolution), _resolved_refs(resolution), *_ready(problems)]
    old = {each["type"]: each for each in (item.get("status") or {}).get("conditions") or ()}
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": [_dated(each, old.get(each["type"]), generation, now) for each in verdicts],
    }
    if resolution.model:
        status["model"] = resolution.model
    if key.kind == "Instance":
        status |= _running(item, deployment, children, revision)
    return status


def transitions(old: dict[str, Any], new: dict[str, Any]) -> list[Transition]:
    """The conditions that changed their status or reason, for Events: each piece of news once.

    Left out are `Reconciling` and `Stalled`, which repeat `Ready`; a first look that finds nothing wrong with
    the resource itself; and `Ready` where it only takes over the reason of another condition that changed.
    """
    before = {each["type"]: each for each in old.get("conditions") or ()}
    changed: list[Transition] = []
    for each in new.get("conditions") or ():
        was = before.get(each["type"], {})
        news = Transition(each["type"], each["status"], each["reason"], each["message"])
        if (was.get("status"), was.get("reason")) == (news.status, news.reason):
            continue
        if was or news.condition == "Ready" or news.status == "False":
            changed.append(news)
    causes = [news for news in changed if news.condition in ("Accepted", "ResolvedRefs")]
    told = {news.reason for news in causes}
    return causes + [news for news in changed if news.condition == "Ready" and news.reason not in told]


def _accepted(resolution: Resolution) -> Condition:
    return _condition("Accepted", resolution.problems, "Accepted", "the spec makes sense")


def _resolved_refs(resolution: Resolution) -> Condition:
    if not resolution.followed:
        first = resolution.problems[0]
        return _verdict("ResolvedRefs", "Unknown", first.reason, "the spec has to make sense first")
    return _condition("ResolvedRefs", resolution.problems, "Resolved", "all references are resolved")


def _ready(problems: Sequence[Problem]) -> list[Condition]:
    """`Ready`, and beside it what kstatus wants to know."""
    if not problems:
        return [_verdict("Ready", "True", "Ready", "ready to be used")]
    first = problems[0]
    message = _joined([each for each in problems if each.condition == first.condition])
    reason = REASON_BY_NAME[first.reason]
    conditions = [_verdict("Ready", reason.status, first.reason, message)]
    outlook = reason.outlook
    if outlook in ("Moving", "Stalled"):
        name = "Reconciling" if outlook == "Moving" else "Stalled"
        conditions.append(_verdict(name, "True", first.reason, message))
    return conditions


def _condition(name: str, problems: Sequence[Problem], good: str, message: str) -> Condition:
    own = [problem for problem in problems if problem.condition == name]
    if own:
        return _verdict(name, "False", own[0].reason, _joined(own))
    return _verdict(name, "True", good, message)


def _joined(problems: Sequence[Problem]) -> str:
    return "; ".join(problem.message for problem in problems)


def _verdict(name: str, status: str, reason: str, message: str) -> Condition:
    if len(message) > MESSAGE_CHARS:
        message = message[: MESSAGE_CHARS - 1] + "…"
    return {"type": name, "status": status, "reason": reason, "message": message}


def _dated(condition: Condition, old: Condition | None, generation: int, now: str) -> Condition:
    same = old is not None and old["status"] == condition["status"]
    since = old["lastTransitionTime"] if old is not None and same else now
    return condition | {"observedGeneration": generation, "lastTransitionTime": since}


def _obstacle(
    item: Object, deployment: Object | None, children: Sequence[Object], revision: str, now: str
) -> Problem | None:
    spec = item["spec"]
    if deployment is None:
        return Problem("Ready", "RolloutPending", f"revision {revision} is not rolled out yet")
    if spec.get("suspend"):
        return stopping(deployment) or Problem("Ready", "Suspended", "spec.suspend is set, so no pods run")
    if spec.get("replicas", 1) == 0:
        return stopping(deployment) or Problem("Ready", "ScaledToZero", "spec.replicas is 0, so no pods run")
    return hindrance(deployment, children, revision, now)


def _running(
    item: Object, deployment: Object | None, children: Sequence[Object], revision: str
) -> dict[str, Any]:
    key = key_of(item)
    newest = revision or revision_of(children)
    running: dict[str, Any] = {
        "url": names.url(key.name, key.namespace, tls=bool(item["spec"].get("tls"))),
        "replicas": ((deployment or {}).get("status") or {}).get("replicas", 0),
        "selector": ",".join(f"{name}={value}" for name, value in names.selector(key.name).items()),
        "revision": newest,
        "servingRevision": serving_revision(children, newest),
    }
    return {name: value for name, value in running.items() if value not in (None, "")}


def _deployment(children: Sequence[Object], name: str) -> Object | None:
    return next(
        (each for each in children if each["kind"] == "Deployment" and each["metadata"]["name"] == name), None
    )
