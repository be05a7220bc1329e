from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.stub import script
from gagarin.stub.errors import ScriptError
from gagarin.stub.rules import Match, Reply, Rule, Script, ToolCall

README = Path(script.__file__).parent / "README.md"


def test_the_example_of_the_readme_is_a_script() -> None:
    example = README.read_text().split("```yaml\n")[1].split("```")[0]
    rules = script.parse(example, "README.md").rules
    assert rules[0].reply == Reply(tool_calls=(ToolCall("weather", {"city": "Oslo"}),))
    assert rules[1] == Rule(match=Match(model="flaky-*"), times=2, reply=Reply(status=429, retry_after=1))


def test_json_is_a_script_too() -> None:
    assert script.parse('{"rules": [{"reply": {"content": "x"}}]}', "x.json") == Script(
        rules=(Rule(reply=Reply(content="x")),)
    )


def test_an_empty_file_is_a_script_without_rules() -> None:
    assert script.parse("# nothing yet\n", "x.yaml") == Script()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules:\n  - reply:\n      status: hot\n", "s.yaml:3: rules[0].reply.status: Expected `int | null`"),
        (
            "rules:\n  - reply: {}\n  - replay: {}\n",
            "s.yaml:3: rules[1]: Object contains unknown field `replay`",
        ),
        (
            "rules:\n  - match:\n      message: '('\n    reply: {}\n",
            "s.yaml:2: rules[0].match: message is not a reg",
        ),
        ("rules:\n  - times: 1\n", "s.yaml:2: rules[0]: Object missing required field `reply`"),
        ("- 1\n", "s.yaml:1: the script: Expected `object`"),
        ("rules: [\n", "s.yaml:2: not valid YAML or JSON"),
        ("a: 2026-99-99\n", "s.yaml: not valid YAML or JSON"),
        ("rules: \x00\n", "s.yaml: not valid YAML or JSON"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(text: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        script.parse(text, "s.yaml")
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"absent\.yaml: cannot be read"):
        script.load(tmp_path / "absent.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "binary.yaml"
    file.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ScriptError, match=r"binary\.yaml: cannot be read"):
        script.load(file)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.one_of(
        st.text(), json_values.map(str), json_values.map(lambda value: f"rules: [{{match: {value!r}}}]")
    )
)
def test_any_text_is_a_script_or_a_script_error(text: str) -> None:
    with contextlib.suppress(ScriptError):
        script.parse(text, "any")
