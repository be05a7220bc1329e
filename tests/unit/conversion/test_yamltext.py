"""Values as YAML, and back. What is refused when it is read, tests/unit/cli/test_documents.py shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.conversion.yamltext import as_yaml, documents

printable = st.characters(codec="utf-8", exclude_categories=["Cc"])
texts = st.text(printable | st.sampled_from("\n\r\t\x85 :#-'\"yn"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)


values = st.recursive(scalars, nested, max_leaves=8)
ODD = ["y", "N", "yes", "12:30", "2001-12-14", "1e3", "0x10", "~", "", "a\x85b", "\ufeff"]


def again(value: Any) -> Any:
    (document,) = documents("a.yaml", as_yaml({"value": value}))
    return document.value["value"]


@given(value=values)
def test_what_is_written_is_what_is_read(value: Any) -> None:
    assert again(value) == value


@pytest.mark.parametrize("text", ODD)
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    assert again(text) == text
    shared = [text]
    assert again([shared, shared]) == [shared, shared], "without an alias"
