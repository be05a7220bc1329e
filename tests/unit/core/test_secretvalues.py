"""Values of Secrets: usable or not, and never told."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.secretvalues import encoded, text_fault, value_of


@given(st.dictionaries(st.sampled_from("abc"), st.binary(max_size=20)))
def test_every_value_comes_back_as_it_was_put_in(values: dict[str, bytes]) -> None:
    secret = {"data": {key: base64.b64encode(value).decode() for key, value in values.items()}}
    assert {key: value_of(secret, key) for key in encoded(secret)} == values


def test_what_a_file_has_in_the_clear_is_encoded_and_wins() -> None:
    secret = {"data": {"a": "eA==", "b": "eA=="}, "stringData": {"b": "ü"}}
    assert encoded(secret) == {"a": "eA==", "b": "w7w="}
    assert encoded({}) == {}


def test_a_value_that_is_not_base64_is_none() -> None:
    assert value_of({"data": {"a": "!"}}, "a") is None
    assert value_of({"data": {"a": "eA"}}, "a") is None


@pytest.mark.parametrize("value", [b"sk-123", b"sk-123\n", b" with space ", "pässwörd".encode()])
def test_text_on_one_line_can_be_used(value: bytes) -> None:
    assert text_fault(value) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x89PNG", "is not text"),
        (b"two\nlines", "has characters that no key or password has"),
        (b"nul\x00", "has characters that no key or password has"),
    ],
)
def test_what_no_header_can_carry_is_told(value: bytes, fault: str) -> None:
    assert text_fault(value) == fault
