"""Status: conditions that tell the truth about the resources and about what runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gagarin.core import status as status_module
from gagarin.core.objects import Object
from gagarin.core.problems import Problem
from gagarin.core.reasons import REASON_BY_NAME, REASONS
from gagarin.core.resolve import Resolution
from gagarin.core.status import MESSAGE_CHARS, status_of, transitions
from tests.unit.core import builders as a

INSTANCE = a.instance()
RESOLVED = a.look(INSTANCE, a.agent(), a.provider())
COMPLETE: dict[str, Any] = {
    "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]
}


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def running(*children: Object, revision: str = "new", **spec: Any) -> dict[str, Any]:
    """The status of an Instance whose live children are these."""
    return status_of(a.instance(**spec), RESOLVED, children, a.NOW, revision=revision)


def message(status: dict[str, Any], kind: str = "Ready") -> str:
    (found,) = (each["message"] for each in status["conditions"] if each["type"] == kind)
    return str(found)


def test_a_resource_without_problems_is_ready() -> None:
    status = status_of(a.provider(), Resolution(), [], a.NOW)
    assert conditions(status) == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "Resolved"),
        "Ready": ("True", "Ready"),
    }
    assert status["observedGeneration"] == 1
    assert all(each["observedGeneration"] == 1 for each in status["conditions"])


def test_what_is_missing_is_in_every_place_one_looks_at() -> None:
    status = status_of(a.agent(), a.look(a.agent()), [], a.NOW)
    assert conditions(status) == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("False", "RefNotFound"),
        "Ready": ("False", "RefNotFound"),
        "Stalled": ("True", "RefNotFound"),
    }
    assert "Provider demo/openai does not exist" in message(status)


def test_nothing_is_known_of_the_references_of_a_spec_that_makes_no_sense() -> None:
    bad = a.provider(type="Azure")
    assert conditions(status_of(bad, a.look(bad), [], a.NOW)) == {
        "Accepted": ("False", "InvalidSpec"),
        "ResolvedRefs": ("Unknown", "InvalidSpec"),
        "Ready": ("False", "InvalidSpec"),
        "Stalled": ("True", "InvalidSpec"),
    }


def test_what_is_wrong_with_the_spec_comes_before_what_is_missing() -> None:
    problems = (Problem("ResolvedRefs", "RefNotFound", "b"), Problem("Accepted", "NotAvailable", "a"))
    status = status_of(INSTANCE, Resolution(problems), [], a.NOW)
    assert conditions(status)["Ready"] == ("False", "NotAvailable")
    assert conditions(status)["ResolvedRefs"] == ("False", "RefNotFound")


def test_all_that_is_missing_is_in_one_message() -> None:
    problems = (
        Problem("ResolvedRefs", "RefNotFound", "one"),
        Problem("ResolvedRefs", "SecretKeyNotFound", "two"),
    )
    assert message(status_of(INSTANCE, Resolution(problems), [], a.NOW)) == "one; two"


def test_a_message_that_nobody_would_read_is_cut() -> None:
    problems = (Problem("Accepted", "InvalidSpec", "x" * 100_000),)
    assert len(message(status_of(INSTANCE, Resolution(problems), [], a.NOW))) == MESSAGE_CHARS


def test_an_instance_is_ready_when_the_newest_revision_serves_alone() -> None:
    status = running(a.deployment("new"), a.replica_set("new", 1), a.replica_set("old", 0))
    assert conditions(status)["Ready"] == ("True", "Ready")
    assert (status["revision"], status["servingRevision"], status["replicas"]) == ("new", "new", 1)
    assert status["url"] == "http://support.demo.svc"
    assert status["selector"] == "gagarin.fyodorov.ai/instance=support"
    assert status["model"] == "openai/gpt-5"


NOT_READY: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("there is no Deployment yet", running(), "RolloutPending", "Reconciling"),
    ("the Deployment has an older revision", running(a.deployment("old")), "RolloutPending", "Reconciling"),
    (
        "the Deployment controller has not looked yet",
        running(a.deployment("new", observedGeneration=1)),
        "RollingOut",
        "Reconciling",
    ),
    ("new pods start", running(a.deployment("new", updatedReplicas=0)), "RollingOut", "Reconciling"),
    (
        "new pods are not available",
        running(a.deployment("new", availableReplicas=0)),
        "RollingOut",
        "Reconciling",
    ),
    ("old pods are still there", running(a.deployment("new", replicas=2)), "RollingOut", "Reconciling"),
    (
        "pods stopped answering after the rollout",
        running(a.deployment("new", availableReplicas=0, **COMPLETE)),
        "PodsNotAvailable",
        "Reconciling",
    ),
    (
        "a quota refuses the pods",
        running(
            a.deployment(
                "new",
                updatedReplicas=0,
                conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}],
            )
        ),
        "PodsRefused",
        "Stalled",
    ),
    (
        "the rollout takes too long",
        running(
            a.deployment(
                "new",
                availableReplicas=0,
                conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
            )
        ),
        "RolloutTimedOut",
        "Stalled",
    ),
    (
        "the image cannot be pulled",
        running(a.deployment("new", availableReplicas=0), a.pod("new", **a.waiting("ErrImagePull", "no"))),
        "ImagePullFailed",
        "Stalled",
    ),
    (
        "the volume is not provided yet",
        running(a.deployment("new", availableReplicas=0), a.volume_claim("Pending")),
        "VolumePending",
        "Reconciling",
    ),
    (
        "the volume is gone",
        running(a.deployment("new", availableReplicas=0), a.volume_claim("Lost")),
        "VolumeLost",
        "Stalled",
    ),
    (
        "it is suspended and its pods go",
        running(a.deployment("new", 0, replicas=2), suspend=True),
        "RollingOut",
        "Reconciling",
    ),
    (
        "it is suspended and that is not done",
        running(a.deployment("new"), suspend=True),
        "RollingOut",
        "Reconciling",
    ),
    ("it was never made", running(suspend=True), "RolloutPending", "Reconciling"),
]


@pytest.mark.parametrize(
    ("status", "reason", "beside"), [row[1:] for row in NOT_READY], ids=[row[0] for row in NOT_READY]
)
def test_an_instance_is_not_ready_while(status: dict[str, Any], reason: str, beside: str | None) -> None:
    found = conditions(status)
    assert found["Ready"] == ("False", reason)
    assert {name for name in ("Reconciling", "Stalled") if name in found} == ({beside} if beside else set())


def test_a_volume_that_nobody_provides_is_named_beside_what_follows_from_it() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "pod has unbound immediate PersistentVolumeClaims",
    }
    status = running(
        a.deployment("new", availableReplicas=0),
        a.pod("new", conditions=[condition]),
        a.volume_claim("Pending", "fast"),
    )
    assert conditions(status)["Ready"] == ("False", "Unschedulable")
    assert message(status) == (
        "Pod support-x: pod has unbound immediate PersistentVolumeClaims; "
        "PersistentVolumeClaim support-data has no volume yet: storage class fast has to provide one"
    )


def test_a_volume_is_not_blamed_for_what_does_not_follow_from_it() -> None:
    status = running(
        a.deployment("new", availableReplicas=0),
        a.pod("new", **a.waiting("ErrImagePull", "no")),
        a.volume_claim("Pending"),
    )
    assert message(status) == "Pod support-x: no"


def test_a_volume_that_is_there_or_of_which_only_the_name_is_known_is_no_news() -> None:
    unknown = {"kind": "PersistentVolumeClaim", "metadata": {"name": "support-data"}}
    for claim in (a.volume_claim("Bound"), unknown):
        status = running(a.deployment("new", availableReplicas=0), claim)
        assert conditions(status)["Ready"] == ("False", "RollingOut")


def test_with_a_certificate_the_address_says_so() -> None:
    assert running(tls={"secretName": "cert"})["url"] == "https://support.demo.svc"


@pytest.mark.parametrize(
    ("spec", "reason"), [({"suspend": True}, "Suspended"), ({"replicas": 0}, "ScaledToZero")]
)
def test_an_instance_that_is_meant_to_run_nothing_is_ready_when_nothing_runs(
    spec: dict[str, Any], reason: str
) -> None:
    status = running(a.deployment("new", 0), **spec)
    assert conditions(status)["Ready"] == ("True", reason)
    assert not {"Reconciling", "Stalled"} & conditions(status).keys()


def test_pods_of_an_older_revision_are_not_blamed() -> None:
    crashing = a.pod("old", **a.waiting("ErrImagePull", "no"))
    status = running(a.deployment("new", availableReplicas=0), crashing)
    assert conditions(status)["Ready"] == ("False", "RollingOut")


def test_what_still_answers_is_told_while_the_newest_revision_fails() -> None:
    status = running(
        a.deployment("new", updatedReplicas=1, replicas=2),
        a.pod("new", **a.waiting("ErrImagePull", "no")),
        a.replica_set("new", 0),
        a.replica_set("older", 1, "2026-01-01T00:00:00Z"),
        a.replica_set("old", 1, "2026-01-01T00:01:00Z"),
    )
    assert (status["revision"], status["servingRevision"]) == ("new", "old")


def test_what_runs_is_told_while_a_reference_is_missing() -> None:
    live = (a.deployment("good"), a.replica_set("good", 1))
    status = status_of(INSTANCE, a.look(INSTANCE), live, a.NOW)
    assert conditions(status)["Ready"] == ("False", "RefNotFound")
    assert (status["revision"], status["servingRevision"]) == ("good", "good")


def test_a_failure_to_apply_comes_before_what_the_children_look_like() -> None:
    failure = Problem("Ready", "NameTaken", "Service demo/support is not ours")
    status = status_of(INSTANCE, RESOLVED, [a.deployment("new")], a.NOW, revision="new", failure=failure)
    assert conditions(status)["Ready"] == ("False", "NameTaken")
    assert message(status, "Stalled") == "Service demo/support is not ours"


@pytest.mark.parametrize("reason", ["NameTaken", "Conflicted", "ApplyFailed"])
def test_what_the_operator_could_not_do_is_told_and_stalls(reason: str) -> None:
    failure = Problem("Ready", reason, "Service demo/support: in its own words")
    status = status_of(INSTANCE, RESOLVED, [a.deployment("new")], a.NOW, revision="new", failure=failure)
    assert conditions(status)["Ready"] == ("False", reason)
    assert conditions(status)["Stalled"] == ("True", reason)
    assert "Reconciling" not in conditions(status)


def test_a_permission_that_was_taken_back_stalls_and_names_who_took_it() -> None:
    closed = a.provider("shared", "platform")
    item = a.instance(
        overrides={"model": {"providerRef": {"name": "shared", "namespace": "platform"}, "name": "x"}}
    )
    status = status_of(item, a.look(item, a.agent(), closed), [], a.NOW)
    assert conditions(status)["Ready"] == ("False", "RefNotPermitted")
    assert "Provider platform/shared is not open to namespace demo" in message(status, "Stalled")


def test_every_reason_that_is_told_is_documented() -> None:
    sources = Path(status_module.__file__).parent.rglob("*.py")
    told = {
        reason
        for source in sources
        for reason in re.findall(
            r'Problem\(\s*"(?:Accepted|ResolvedRefs|Ready)", "(\w+)"', source.read_text()
        )
    }
    assert told
    assert told <= REASON_BY_NAME.keys()


def test_a_foreign_deployment_is_not_looked_at() -> None:
    foreign = a.deployment("new")
    foreign["metadata"]["name"] = "other"
    assert conditions(running(foreign))["Ready"] == ("False", "RolloutPending")


def test_a_condition_keeps_its_date_while_its_status_stays() -> None:
    item = a.agent()
    item["status"] = status_of(item, a.look(item), [], "2026-01-01T00:00:00Z")
    later = status_of(item, a.look(item), [], "2026-01-02T00:00:00Z")
    assert later == item["status"]
    mended = status_of(item, a.look(item, a.provider()), [], "2026-01-02T00:00:00Z")
    dates = {each["type"]: each["lastTransitionTime"] for each in mended["conditions"]}
    assert dates == {
        "Accepted": "2026-01-01T00:00:00Z",
        "ResolvedRefs": "2026-01-02T00:00:00Z",
        "Ready": "2026-01-02T00:00:00Z",
    }


def news(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each.condition, each.reason, each.event_type) for each in transitions(old, new)]


BROKEN = status_of(a.agent(), a.look(a.agent()), [], a.NOW)
GOOD = status_of(a.agent(), a.look(a.agent(), a.provider()), [], a.NOW)


def test_a_first_look_that_finds_nothing_wrong_is_one_event() -> None:
    assert news({"observedGeneration": -1}, GOOD) == [("Ready", "Ready", "Normal")]


def test_a_first_look_that_finds_something_is_one_warning() -> None:
    assert news({}, BROKEN) == [("ResolvedRefs", "RefNotFound", "Warning")]


def test_mending_is_told() -> None:
    assert news(BROKEN, GOOD) == [("ResolvedRefs", "Resolved", "Normal"), ("Ready", "Ready", "Normal")]


def test_no_transition_no_event() -> None:
    assert news(GOOD, GOOD) == []
    other_words = status_of(a.agent(), Resolution((Problem("ResolvedRefs", "RefNotFound", "x"),)), [], a.NOW)
    assert news(BROKEN, other_words) == []


def test_another_reason_for_the_same_status_is_told() -> None:
    starting = running(a.deployment("new", updatedReplicas=0))
    failing = running(
        a.deployment("new", availableReplicas=0), a.pod("new", **a.waiting("ErrImagePull", "no"))
    )
    assert news(starting, failing) == [("Ready", "ImagePullFailed", "Warning")]
    assert news({}, starting) == [("Ready", "RollingOut", "Normal")]


def test_a_failure_that_takes_the_place_of_another_is_told() -> None:
    failing = running(
        a.deployment("new", availableReplicas=0), a.pod("new", **a.waiting("ErrImagePull", "no"))
    )
    assert news(BROKEN, failing) == [
        ("ResolvedRefs", "Resolved", "Normal"),
        ("Ready", "ImagePullFailed", "Warning"),
    ]


def test_what_is_good_is_good_of_one_condition() -> None:
    good = [(reason.condition, reason.name) for reason in REASONS if reason.status == "True"]
    assert good == [
        ("Accepted", "Accepted"),
        ("ResolvedRefs", "Resolved"),
        ("Ready", "Ready"),
        ("Ready", "Suspended"),
        ("Ready", "ScaledToZero"),
    ]


def test_reasons_have_one_name_and_one_meaning() -> None:
    assert len(REASON_BY_NAME) == len(REASONS)
    assert all(reason.meaning.endswith(".") for reason in REASONS)
