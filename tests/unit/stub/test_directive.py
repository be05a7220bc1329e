from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.stub import directive


def test_a_directive_is_found_in_the_middle_of_a_message() -> None:
    assert directive.find("Tell me [stub tokens=5 after=2] a story") == "tokens=5 after=2"


@pytest.mark.parametrize("message", ["", "[stub]", "[stub ]", "[stub words]", "[stub a=1", "stub a=1"])
def test_other_text_is_no_directive(message: str) -> None:
    assert directive.find(message) is None


def test_quotes_keep_white_space_brackets_and_the_other_quotes() -> None:
    found = directive.find("""[stub content="it's [here]" message='say "hi"']""")
    assert found is not None
    assert directive.parse(found) == {"content": "it's [here]", "message": 'say "hi"'}


def test_tool_calls_are_json() -> None:
    assert directive.parse("""tool_calls='[{"name": "w"}]'""") == {"tool_calls": [{"name": "w"}]}


@pytest.mark.parametrize("text", ["tokens", "tokens =5", "=5", 'content="open', "tool_calls=[{"])
def test_a_wrong_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        directive.parse(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-su-z_]+", fullmatch=True), st.text(st.characters(exclude_characters='"'))
    )
)
def test_any_quoted_value_comes_back_as_it_was(values: dict[str, str]) -> None:
    text = " ".join(f'{key}="{value}"' for key, value in values.items())
    assert (directive.parse(text) if values else {}) == values
