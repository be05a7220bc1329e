"""YAML as kubectl reads it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.cli.documents import documents
from gagarin.cli.errors import ManifestError
from gagarin.conversion.yamltext import mark_of


def values(text: str) -> list[Any]:
    return [document.value for document in documents("a.yaml", text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2001-12-14", "2001-12-14"),
        ("12:30", "12:30"),
        ("1:30.5", "1:30.5"),
        ("0644", 420),
        ("0x1F", 31),
        ("-7", -7),
        ("1.5", 1.5),
        ("yes", True),
        ("y", True),
        ("N", False),
        ("yn", "yn"),
        ("~", None),
        ("'1'", "1"),
        ("1_000", 1000),
    ],
)
def test_plain_scalars_are_what_kubectl_makes_of_them(text: str, value: Any) -> None:
    assert values(f"a: {text}") == [{"a": value}]


def test_keys_are_strings_however_they_are_spelt() -> None:
    assert values("{1: a, true: b, 2.0: c}") == [{"1": "a", "true": "b", "2.0": "c"}]


def test_empty_documents_are_left_out() -> None:
    assert values("---\n---\na: 1\n---\n# nothing\n") == [{"a": 1}]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: [&x 1, 2]\nb:\n  - *x\n", 3, 5, r"the alias \*x is not taken: write out"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, 7, "the alias"),
        ("a: &a [*a]", 1, 8, "the alias"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "the key 'a' is there twice"),
        ("a: .inf", 1, 4, "'.inf' has no meaning in JSON"),
        ("a: !!binary aGk=", 1, 4, "has no meaning in JSON"),
        ("a: !!set {b}", 1, 4, "there is no tag"),
        ("a: !thing b", 1, 4, "could not determine a constructor"),
        ("{" + "a: {" * 200, 1, 401, "nested more than 100 times"),
        ("a: \x01", 1, 1, "not valid YAML"),
        ("? [a]\n: b", 1, 3, "a key is a string"),
    ],
)
def test_a_trap_or_a_mistake_is_refused_with_its_place(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(ManifestError, match=says) as refused:
        values(text)
    assert (refused.value.file, refused.value.line, refused.value.column) == ("a.yaml", line, column)


def test_an_attack_by_aliases_costs_nothing() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 64))
    with pytest.raises(ManifestError, match="the alias"):
        values(bomb)


def test_deep_nesting_does_not_end_the_process() -> None:
    for text in ("[" * 200_000, "- " * 200_000, "{a: " * 200_000):
        with pytest.raises(ManifestError):
            values(text)


def test_an_error_without_a_place_is_at_the_beginning() -> None:
    (loaded,) = [document.node for document in documents("a.yaml", "# one\n# two\n   a: 1")]
    assert mark_of("a.yaml", None) == ("a.yaml", 1, 1)
    assert mark_of("a.yaml", loaded.start_mark) == ("a.yaml", 3, 4)
