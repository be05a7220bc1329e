"""Passages are of a size a model can take several of, and nothing of a document is lost between them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.knowledge.chunks import Chunk, Document, Section, chunks_of

TEXTS = st.text(alphabet="ab \n.。é", max_size=400)


def chunks(text: str, chars: int = 60, overlap: int = 15) -> list[str]:
    return [chunk.text for chunk in chunks_of(Document("", [Section("", text)]), chars, overlap)]


def test_a_short_section_is_one_passage_with_the_titles_above_it() -> None:
    document = Document("Handbook", [Section("Travel > Trains", "Take the train."), Section("", "The end.")])
    assert list(chunks_of(document)) == [
        Chunk("Handbook - Travel > Trains", "Take the train."),
        Chunk("Handbook", "The end."),
    ]


def test_a_heading_that_repeats_the_title_is_said_once() -> None:
    (chunk,) = chunks_of(Document("Trains", [Section("Trains", "Fast.")]))
    assert chunk.title == "Trains"


def test_paragraphs_stay_whole_where_they_fit() -> None:
    assert chunks("The first paragraph is here.\n\nThe second one is as long.\n\nThird.", 45, 0) == [
        "The first paragraph is here.",
        "The second one is as long.\nThird.",
    ]


def test_a_long_paragraph_is_cut_at_its_sentences() -> None:
    assert chunks("One sentence stands here. Another one follows it. And a last one.", 50, 0) == [
        "One sentence stands here.\nAnother one follows it.",
        "And a last one.",
    ]


def test_a_passage_begins_with_the_end_of_the_one_before() -> None:
    first, second = chunks("One sentence stands here. Another one follows it.", 45, 12)
    assert first == "One sentence stands here."
    assert second == "here. Another one follows it."


def test_a_word_without_an_end_is_cut_all_the_same() -> None:
    assert "".join(chunks("x" * 200, 60, 0)) == "x" * 200


def test_nothing_comes_of_nothing() -> None:
    assert chunks("") == []
    assert chunks(" \n\n \n") == []


@given(TEXTS)
def test_no_passage_is_too_long_and_no_letter_is_lost(text: str) -> None:
    found = chunks(text)
    assert all(0 < len(each) <= 60 for each in found)
    letters = "".join(text.split())
    assert "".join("".join(each.split()) for each in chunks(text, 60, 0)) == letters
