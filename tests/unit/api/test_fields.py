"""Durations: read as the Gateway API writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.api.fields import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("5s", 5), ("1m30s", 90), ("500ms", 0.5), ("1h1m1s1ms", 3661.001), ("99999h", 99999 * 3600)],
)
def test_a_duration_is_so_many_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 99_999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, millis: int) -> None:
    assert seconds(f"{hours}h{minutes}m{millis}ms") == round(hours * 3600 + minutes * 60 + millis / 1000, 3)
