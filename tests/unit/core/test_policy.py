"""A policy: nothing is limited unless it is set."""

from __future__ import annotations

import pytest

from gagarin.core.policy import Policy


def test_without_a_policy_anything_goes() -> None:
    policy = Policy()
    assert policy.allows_image("anything")
    assert policy.forbidden_annotations(["a/b"]) == []
    assert policy.allows_secret({})


def test_images_come_from_where_they_may() -> None:
    policy = Policy(stdio_images=("ghcr.io/team",))
    assert policy.allows_image("ghcr.io/team/tool:1")
    assert not policy.allows_image("ghcr.io/team-x/tool:1")


def test_annotations_begin_as_they_may() -> None:
    policy = Policy(annotation_prefixes=("a.com/", "b.com/"))
    assert policy.forbidden_annotations(["c.com/x", "a.com/x", "b", "b.com/"]) == ["b", "c.com/x"]


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        ("use", {"use": ""}, True),
        ("use", {"use": "no"}, True),
        ("use", {"other": ""}, False),
        ("use=yes", {"use": "yes"}, True),
        ("use=yes", {"use": "no"}, False),
        ("use=", {"use": ""}, True),
        ("use=", {}, False),
    ],
)
def test_a_secret_is_used_when_it_has_the_label(label: str, labels: dict[str, str], expected: bool) -> None:
    assert Policy(secret_label=label).allows_secret(labels) is expected
