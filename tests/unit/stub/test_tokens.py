from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gagarin.stub import tokens


@given(st.text())
def test_the_tokens_of_a_text_join_to_the_text(text: str) -> None:
    assert "".join(tokens.split(text)) == text


@given(st.text(alphabet="ab \n\t"))
def test_there_are_as_many_tokens_as_words(text: str) -> None:
    if text.strip():
        assert len(tokens.split(text)) == tokens.count(text) == len(text.split())


@given(st.integers(0, 200))
def test_a_generated_text_has_exactly_the_tokens_asked_for(number: int) -> None:
    generated = tokens.generate(number)
    assert len(generated) == number
    assert tokens.split("".join(generated)) == generated
