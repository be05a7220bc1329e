"""The access line: what it may hold is described, and nothing else is in it."""

from __future__ import annotations

from pathlib import Path

from gagarin.server.observe import Trace

PAGE = (Path(__file__).parents[3] / "docs" / "observability.md").read_text()


def test_every_field_of_an_access_line_is_described() -> None:
    described = [name for name in Trace.__slots__ if f"`{name}`" in PAGE]
    assert described == list(Trace.__slots__)


def test_what_is_not_known_is_left_out() -> None:
    assert Trace().fields() == {}
    assert Trace(problem="unauthorized", model=None).fields() == {"problem": "unauthorized"}
