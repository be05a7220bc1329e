"""OpenAPI documents: what is none is told before a chat needs it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.documents import document_fault

NOT_PARSED = "this is neither JSON nor YAML"
OF_ANOTHER_KIND = "this is not an OpenAPI 3 document: the field openapi must begin with 3."


@pytest.mark.parametrize(
    "text", ['{"openapi": "3.1.0", "paths": {}}', "openapi: 3.0.3\npaths: {}\n"], ids=["JSON", "YAML"]
)
def test_a_document_is_taken_in_either_form(text: str) -> None:
    assert document_fault(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{[}", NOT_PARSED),
        ("[" * 100_000, NOT_PARSED),
        ("a: &a [*a", NOT_PARSED),
        ("", OF_ANOTHER_KIND),
        ("[]", OF_ANOTHER_KIND),
        ('{"swagger": "2.0"}', OF_ANOTHER_KIND),
        ("openapi: 3.1.0", "this OpenAPI document has no paths"),
        ("openapi: 3.1.0\npaths: []", "this OpenAPI document has no paths"),
    ],
)
def test_what_is_none_is_told(text: str, fault: str) -> None:
    assert document_fault(text) == fault


@given(st.text())
def test_no_text_whatever_raises(text: str) -> None:
    assert document_fault(text)
