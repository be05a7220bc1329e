"""The index finds passages by words and by meaning, and can always be made again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from gagarin.server.knowledge.chunks import Chunk
from gagarin.server.knowledge.index import Index
from gagarin.server.knowledge.passages import Passage

TRAINS = Chunk("Handbook - Trains", "Journeys by rail are booked by the office.")
HOTELS = Chunk("Handbook - Hotels", "A night may cost 100 crowns.")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "knowledge.sqlite")
    index.put("handbook", "book.md", "1", [TRAINS, HOTELS])
    yield index
    index.close()


def titles(index: Index, found: list[int]) -> list[str]:
    return [index.passage(number).title for number in found]


def vector(*numbers: float) -> bytes:
    return array("f", numbers).tobytes()


def test_a_passage_is_found_by_its_words_and_comes_with_its_place(index: Index) -> None:
    (found,) = index.by_words("what may a night cost?", 10)[:1]
    assert index.passage(found) == Passage("handbook", HOTELS.title, "book.md", HOTELS.text)


def test_words_are_found_in_their_other_forms(index: Index) -> None:
    assert titles(index, index.by_words("booking journeys", 10)) == [TRAINS.title]


def test_a_heading_counts_more_than_a_text(index: Index) -> None:
    index.put("other", "x", "1", [Chunk("", "hotels are mentioned here only"), Chunk("", "filler")])
    assert titles(index, index.by_words("hotels", 10))[0] == HOTELS.title


def test_chinese_is_found_without_spaces(index: Index) -> None:
    index.put("other", "zh", "1", [Chunk("旅行", "我们坐火车去北京。")])
    assert titles(index, index.by_words("北京怎么去", 1)) == ["旅行"]


def test_nothing_is_found_for_nothing(index: Index) -> None:
    assert index.by_words("?", 10) == index.by_words("zebra", 10) == []


def test_a_document_that_is_put_again_replaces_itself(index: Index) -> None:
    assert index.put("handbook", "book.md", "2", [HOTELS]) == 1
    assert index.by_words("journeys", 10) == []
    assert index.stamps("handbook") == {"book.md": "2"}


def test_documents_that_are_gone_are_dropped(index: Index) -> None:
    index.put("handbook", "more.md", "1", [Chunk("", "zebra")])
    index.keep_only("handbook", {"more.md"})
    assert index.stamps("handbook") == {"more.md": "1"}
    index.keep_only_sources({"other"})
    assert index.stamps("handbook") == {}
    assert index.by_words("zebra", 10) == []


def test_a_text_needs_one_vector_however_often_it_stands(index: Index) -> None:
    index.put("other", "copy.md", "1", [TRAINS])
    missing = index.unembedded("m", 10)
    assert {each.text for each in missing} == {f"{one.title}\n{one.text}" for one in (TRAINS, HOTELS)}
    index.embed("m", [(each.digest, vector(1, 0)) for each in missing])
    assert index.unembedded("m", 10) == []
    assert len(index.unembedded("another model", 10)) == 2


def test_passages_are_found_by_meaning_nearest_first(index: Index) -> None:
    directions = {TRAINS.title: vector(1, 0), HOTELS.title: vector(0.1, 1)}
    missing = index.unembedded("m", 10)
    index.embed("m", [(each.digest, directions[each.text.partition("\n")[0]]) for each in missing])
    assert titles(index, index.by_meaning("m", array("f", [0, 1]), 10)) == [HOTELS.title, TRAINS.title]
    assert titles(index, index.by_meaning("m", array("f", [0, 1]), 1)) == [HOTELS.title]


def test_vectors_of_another_size_are_not_compared(index: Index) -> None:
    index.embed("m", [(each.digest, vector(1, 0, 0)) for each in index.unembedded("m", 10)])
    assert index.by_meaning("m", array("f", [0, 1]), 10) == []


def test_a_vector_without_a_direction_comes_last(index: Index) -> None:
    zero, one = index.unembedded("m", 10)
    index.embed("m", [(zero.digest, vector(0, 0)), (one.digest, vector(1, 1))])
    assert titles(index, index.by_meaning("m", array("f", [1, 0]), 10))[0] == one.text.partition("\n")[0]


def test_vectors_of_texts_that_are_gone_are_forgotten(index: Index) -> None:
    index.embed("m", [(each.digest, vector(1, 0)) for each in index.unembedded("m", 10)])
    index.put("handbook", "book.md", "2", [Chunk("", "new")])
    index.embed("m", [(each.digest, vector(1, 0)) for each in index.unembedded("m", 10)])
    index.put("handbook", "book.md", "3", [TRAINS])
    assert len(index.unembedded("m", 10)) == 1


def test_an_index_is_still_there_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        index = Index(tmp_path / "knowledge.sqlite")
        if not index.stamps("handbook"):
            index.put("handbook", "book.md", "1", [TRAINS])
        index.close()
    index = Index(tmp_path / "knowledge.sqlite")
    assert titles(index, index.by_words("rail", 1)) == [TRAINS.title]
    index.close()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b""])
def test_a_file_that_is_no_index_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "knowledge.sqlite").write_bytes(content)
    index = Index(tmp_path / "knowledge.sqlite")
    assert index.put("handbook", "book.md", "1", [TRAINS]) == 1
    index.close()


def test_a_document_is_replaced_whole_or_not_at_all(index: Index) -> None:
    def broken() -> Iterator[Chunk]:
        yield HOTELS
        raise ValueError

    with pytest.raises(ValueError):
        index.put("handbook", "book.md", "2", broken())
    assert index.stamps("handbook") == {"book.md": "1"}
    assert titles(index, index.by_words("rail", 1)) == [TRAINS.title]
