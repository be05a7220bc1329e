"""Which pods are told that a Secret has changed."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.controller.pods import SecretVersion, needs_nudge, nudge, secrets_revision
from gagarin.core.names import SECRETS_REVISION
from gagarin.core.objects import Object

EARLY, NOON, LATE = (f"2030-01-01T{hour}:00:00Z" for hour in ("09", "12", "15"))


def secret(modified: str = LATE, created: str = EARLY, version: str = "7") -> SecretVersion:
    return SecretVersion("Secret", "demo", "key", version, created, modified)


def pod(created: str = NOON, phase: str = "Running", **metadata: Any) -> Object:
    return {"metadata": {"creationTimestamp": created, **metadata}, "status": {"phase": phase}}


def test_a_pod_older_than_the_change_is_told() -> None:
    assert needs_nudge(pod(), [secret()], "r")


def test_a_pod_younger_than_the_change_has_read_it_already() -> None:
    assert not needs_nudge(pod(LATE), [secret(NOON)], "r")


def test_a_pod_that_was_told_is_not_told_again() -> None:
    assert not needs_nudge(pod(annotations={SECRETS_REVISION: "r"}), [secret()], "r")


def test_a_pod_that_was_told_of_an_older_version_is_told() -> None:
    assert needs_nudge(pod(LATE, annotations={SECRETS_REVISION: "q"}), [secret(NOON)], "r")


def test_in_the_same_second_a_change_may_have_come_later() -> None:
    assert needs_nudge(pod(NOON), [secret(NOON)], "r")


def test_a_secret_made_together_with_the_pod_has_not_changed() -> None:
    assert not needs_nudge(pod(NOON), [secret(NOON, created=NOON)], "r")


@pytest.mark.parametrize("ended", [pod(phase="Failed"), pod(deletionTimestamp=LATE)])
def test_a_pod_that_has_ended_is_left_alone(ended: Object) -> None:
    assert not needs_nudge(ended, [secret()], "r")


def test_the_revision_follows_the_versions_and_not_their_order() -> None:
    one, two = secret(version="1"), secret(version="2")
    assert secrets_revision([one, two]) == secrets_revision([two, one])
    assert secrets_revision([one]) != secrets_revision([two])


def test_the_nudge_is_an_annotation_and_nothing_else() -> None:
    assert nudge("r") == {"metadata": {"annotations": {SECRETS_REVISION: "r"}}}
