"""Names are ones that the API server takes, and no two objects of a kind get the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.api.fields import NAME
from gagarin.conversion.names import Names, valid


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Agent", "my-agent"),
        ("gemini_chat", "gemini-chat"),
        ("Grüße & Co.", "grusse-co"),
        ("7 dwarfs", "n-7-dwarfs"),
        ("北京", ""),
        ("--", ""),
        ("a" * 80, "a" * 52),
    ],
)
def test_the_nearest_name(text: str, name: str) -> None:
    assert valid(text) == name


def test_texts_that_come_to_one_name_are_told_apart() -> None:
    names = Names("agent")
    assert [names.make(text) for text in ("My Agent", "my_agent", "MY-AGENT", "北京", "上海")] == [
        "my-agent",
        "my-agent-2",
        "my-agent-3",
        "agent",
        "agent-2",
    ]
    assert names.of("my_agent") == "my-agent-2"
    assert "nobody" not in names


@given(st.lists(st.text(max_size=60), max_size=8))
def test_all_names_are_valid_and_different(texts: list[str]) -> None:
    names = Names("agent")
    made = [names.make(text) for text in texts]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(NAME, name) for name in made)
