"""A wrong body is told what is wrong with it, and where."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server import body
from gagarin.server.body import Question
from gagarin.serving.errors import Problem


def refusal(text: bytes, most: int = 100) -> Problem:
    with pytest.raises(Problem) as caught:
        body.question(text, most)
    return caught.value


def test_a_question_is_read() -> None:
    assert body.question(b'{"input": "Hello", "conversation": "c1"}', 5) == Question("Hello", "c1")
    assert body.question(b'{"input": "Hello", "conversation": null}', 5) == Question("Hello")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"input=Hello",
        b'{"input": "\xff"}',
        b"\xff\xfe",
        b'{"input": "\\ud800"}',
        b'{"input":"a"} b',
    ],
)
def test_what_is_no_json_is_a_400(text: bytes) -> None:
    assert refusal(text).status == 400


def test_a_body_that_is_not_there_is_called_empty() -> None:
    assert refusal(b"").detail == "it is empty"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (b"{}", "#/input", "it is missing"),
        (b'{"input": "a", "inputs": "b"}', "#/inputs", "there is no such field"),
        (b'{"input": 1}', "#/input", "Expected `str`, got `int`"),
        (b'{"input": "a", "conversation": []}', "#/conversation", "Expected `str | null`, got `array`"),
        (b"[]", "#", "Expected `object`, got `array`"),
        (b'"a"', "#", "Expected `object`, got `str`"),
        (b'{"input": ""}', "#/input", "it is empty"),
        (b'{"input": " \\n"}', "#/input", "it is empty"),
        (b'{"input": "12345678901"}', "#/input", "it has 11 characters, at most 10 are possible"),
    ],
)
def test_what_is_json_and_wrong_is_a_422_that_names_the_field(text: bytes, where: str, what: str) -> None:
    problem = refusal(text, most=10)
    assert (problem.status, problem.errors) == (422, ((where, what),))


def test_characters_are_counted_not_bytes() -> None:
    assert body.question('{"input": "ééééé"}'.encode(), 5).input == "ééééé"


def test_a_body_that_is_all_escapes_is_not_too_long() -> None:
    text = b'{"input": "' + b"\\ud83d\\ude00" * 10 + b'"}'
    assert len(text) <= body.most_bytes(10)
    assert len(body.question(text, 10).input) == 10


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_worse_than_a_problem(text: bytes) -> None:
    with suppress(Problem):
        body.question(text, 50)


def test_nesting_without_end_is_a_problem() -> None:
    assert refusal(b'{"x":' * 100_000).status in (400, 422)
