"""A question becomes a query that SQLite understands, whatever is in it."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.knowledge.words import query, spaced


def test_any_of_the_words_will_do() -> None:
    assert query("Which Trains, which?") == '"which" OR "trains"'


def test_operators_are_only_words() -> None:
    assert query('NOT "a" AND NEAR(b*)') == '"not" OR "a" OR "and" OR "near" OR "b"'


def test_a_question_without_words_asks_for_nothing() -> None:
    assert query("?!") == ""


def test_a_script_without_spaces_is_split_into_its_characters() -> None:
    assert spaced("去北京 by train").split() == ["去", "北", "京", "by", "train"]
    assert query("北京") == '"北" OR "京"'


def test_an_endless_question_is_cut() -> None:
    assert query(" ".join(f"w{number}" for number in range(1000))).count(" OR ") == 63


@given(st.text(max_size=100))
def test_sqlite_takes_every_query(question: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")
    words = query(question)
    if words:
        connection.execute("SELECT * FROM words WHERE words MATCH ?", (words,)).fetchall()
    connection.close()
