"""Values of Secrets out of the environment and of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.cli.dev.variables import Variable, filled_in, names_of, read_file, variables_of
from gagarin.cli.errors import CommandError
from gagarin.core.objects import Key, Object, ObjectMap

SECRET = Key("Secret", "team-a", "openai")


def provider(key: str = "api-key") -> Object:
    spec: dict[str, Any] = {"type": "OpenAI", "apiKey": {"secretKeyRef": {"name": "openai", "key": key}}}
    return {"kind": "Provider", "metadata": {"name": "openai", "namespace": "team-a"}, "spec": spec}


def secret(**data: str) -> Object:
    return {"kind": "Secret", "metadata": {"name": "openai", "namespace": "team-a"}, "data": data}


def written(folder: Path, text: str) -> Path:
    file = folder / ".env"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_names_of_secret_and_key_make_the_variable() -> None:
    assert names_of(SECRET, "api-key") == ("TEAM_A_OPENAI_API_KEY", "OPENAI_API_KEY")


def test_a_missing_key_is_a_variable_s() -> None:
    objects, filled = filled_in(ObjectMap([provider()]), {"OPENAI_API_KEY": Variable("k", "the environment")})
    assert objects[SECRET]["data"] == {"api-key": "aw=="}
    assert [str(one) for one in filled] == [
        "Secret team-a/openai, key api-key: $OPENAI_API_KEY from the environment"
    ]


def test_the_variable_with_the_namespace_goes_first() -> None:
    variables = {"OPENAI_API_KEY": Variable("other", ""), "TEAM_A_OPENAI_API_KEY": Variable("k", "")}
    objects, _ = filled_in(ObjectMap([provider()]), variables)
    assert objects[SECRET]["data"] == {"api-key": "aw=="}


def test_a_secret_among_the_manifests_goes_before_a_variable() -> None:
    manifests = ObjectMap([provider(), secret(**{"api-key": "bWluZQ=="})])
    objects, filled = filled_in(manifests, {"OPENAI_API_KEY": Variable("k", "")})
    assert objects == manifests
    assert not filled


def test_only_the_missing_key_of_a_secret_is_filled_in_and_the_manifest_is_left_alone() -> None:
    there = secret(other="eA==")
    objects, _ = filled_in(ObjectMap([provider(), there]), {"OPENAI_API_KEY": Variable("k", "")})
    assert objects[SECRET]["data"] == {"other": "eA==", "api-key": "aw=="}
    assert there["data"] == {"other": "eA=="}


def test_a_value_is_never_shown() -> None:
    assert "hidden" not in repr(Variable("hidden", "the environment"))


def test_the_environment_goes_before_a_file_unless_it_is_empty(tmp_path: Path) -> None:
    file = written(tmp_path, "A=file\nB=file\n")
    found = variables_of({"A": "shell", "B": ""}, [file])
    assert found == {"A": Variable("shell", "the environment"), "B": Variable("file", f"{file}:2")}


def test_the_last_of_several_files_counts(tmp_path: Path) -> None:
    other = tmp_path / "local.env"
    other.write_text("A=2\n", encoding="utf-8")
    assert variables_of({}, [written(tmp_path, "A=1\nB=1\n"), other])["A"].value == "2"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("A = b c", "b c"),
        ("A=b # why", "b"),
        ("A=b#c", "b#c"),
        ("A='b # c'", "b # c"),
        ("A='b\\n'", "b\\n"),
        ('A="b\\nc" # why', "b\nc"),
        ('A="b \\"c\\" \\\\"', 'b "c" \\'),
    ],
)
def test_lines_are_read_as_a_shell_would(tmp_path: Path, line: str, value: str) -> None:
    assert read_file(written(tmp_path, f"# a comment\n\n{line}\n"))["A"].value == value


def test_an_empty_value_is_none(tmp_path: Path) -> None:
    assert read_file(written(tmp_path, "A=\nB=''\n")) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=1\nnot a line\n", ":2:1: not of the form NAME=VALUE"),
        ('A="open\n', ":1:1: the quotes are not closed on this line"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_without_the_text(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(CommandError) as caught:
        read_file(written(tmp_path, text))
    assert str(caught.value).endswith(problem)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        read_file(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(CommandError, match="not UTF-8"):
        read_file(tmp_path / "bytes")


@given(
    st.text(alphabet=st.characters(codec="ascii", exclude_characters="'\r\n\x0b\x0c\x1c\x1d\x1e"), min_size=1)
)
def test_whatever_stands_in_single_quotes_is_the_value(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    file = written(tmp_path_factory.mktemp("env"), f"A='{value}'\n")
    assert read_file(file)["A"].value == value
