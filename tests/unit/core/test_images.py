"""Images: short names stand for long ones, and a prefix ends where a part of a name does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.images import is_allowed, is_below, mirrored, qualified

PARTS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
IMAGES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("python", "docker.io/library/python"),
        ("python:3.11", "docker.io/library/python:3.11"),
        ("team/tool@sha256:0", "docker.io/team/tool@sha256:0"),
        ("ghcr.io/team/tool", "ghcr.io/team/tool"),
        ("registry:5000/tool", "registry:5000/tool"),
        ("localhost/tool", "localhost/tool"),
        ("REGISTRY/tool", "REGISTRY/tool"),
    ],
)
def test_a_short_name_stands_for_one_of_docker_hub(image: str, expected: str) -> None:
    assert qualified(image) == expected
    assert qualified(expected) == expected


@pytest.mark.parametrize(
    ("image", "prefix", "expected"),
    [
        ("ghcr.io/team/tool:1", "ghcr.io/team", True),
        ("ghcr.io/team/tool:1", "ghcr.io/team/", True),
        ("ghcr.io/team/tool:1", "ghcr.io/team/tool", True),
        ("ghcr.io/team/tool@sha256:0", "ghcr.io/team/tool", True),
        ("ghcr.io/team/tool:1", "ghcr.io/team/tool:1", True),
        ("ghcr.io/team-x/tool", "ghcr.io/team", False),
        ("ghcr.io.example.com/tool", "ghcr.io", False),
        ("ghcr.io/team/tool:10", "ghcr.io/team/tool:1", False),
    ],
)
def test_a_prefix_ends_where_a_part_of_the_name_ends(image: str, prefix: str, expected: bool) -> None:
    assert is_below(image, prefix) is expected


def test_a_short_name_is_judged_by_what_it_stands_for() -> None:
    assert is_allowed("python:3", ("docker.io/library",))
    assert not is_allowed("someone/python:3", ("docker.io/library", "ghcr.io"))


def test_the_longest_prefix_decides_which_mirror() -> None:
    mirrors = (("docker.io", "mirror/hub"), ("docker.io/library", "mirror/official"))
    assert mirrored("python:3", mirrors) == "mirror/official/python:3"
    assert mirrored("team/tool", mirrors) == "mirror/hub/team/tool"


def test_an_image_without_a_mirror_stays_as_it_was_written() -> None:
    assert mirrored("python:3", (("ghcr.io", "mirror"),)) == "python:3"


@given(IMAGES, IMAGES)
def test_what_comes_from_a_mirror_is_below_it(image: str, mirror: str) -> None:
    assert is_below(mirrored(image, (("docker.io", mirror),)), mirror) == qualified(image).startswith(
        "docker.io/"
    )
