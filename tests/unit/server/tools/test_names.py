"""Names that every provider takes, no two alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.tools import names


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("get_weather", "get_weather"),
        ("get weather/now", "get_weather_now"),
        ("...", "function"),
        ("Größe", "Gr_e"),
    ],
)
def test_what_providers_refuse_is_replaced(name: str, plain: str) -> None:
    assert names.plain(name) == plain


def test_long_names_stay_two() -> None:
    one, two = names.plain("x" * 100 + "1"), names.plain("x" * 100 + "2")
    assert one != two
    assert len(one) == len(two) == names.MAX_CHARS


def test_a_name_that_two_tools_have_gets_the_tools_before_it() -> None:
    assert names.distinct([("a", "search"), ("b", "search"), ("b", "read")]) == [
        "a_search",
        "b_search",
        "read",
    ]


def test_a_reserved_name_is_not_given() -> None:
    assert names.distinct([("a", "answer")], ["answer"]) == ["a_answer"]


def test_names_that_still_collide_are_numbered() -> None:
    assert names.distinct([("a", "x"), ("a", "x"), ("b", "a_x")]) == ["a_x", "a_x_2", "a_x_3"]


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=80)), max_size=12))
def test_all_names_differ_and_are_taken_everywhere(functions: list[tuple[str, str]]) -> None:
    found = names.distinct(functions, ["reserved"])
    assert len(set(found)) == len(functions)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in found)
