"""Sources are read in the background; whatever fails there, questions are answered."""

from __future__ import annotations

import asyncio
import io
import json
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from gagarin.core.config import Source as SourceConfig
from gagarin.server.errors import ProviderError, SourceError
from gagarin.server.knowledge import library
from gagarin.server.knowledge.embedding import Embedder
from gagarin.server.knowledge.index import Index
from gagarin.server.knowledge.library import Library, fused, source_of
from gagarin.server.knowledge.sources import FolderSource, Found, Source, UrlSource
from gagarin.serving.logs import Log
from tests.unit.server.waiting import until


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are read by a process of their own, which a busy machine starts late."""
    monkeypatch.setattr(library, "FIRST_SECONDS", 60.0)


class Lines(io.BytesIO):
    """What is logged."""

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


class Shelf:
    """A source of texts that can be changed, made to fail, or made to wait."""

    refresh = 0.01

    def __init__(self, name: str, **texts: str) -> None:
        self.name = name
        self.texts = texts
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def documents(self, known: Mapping[str, str]) -> AsyncIterator[Found]:
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        for name, text in list(self.texts.items()):
            data = None if known.get(name) == text else text.encode()
            yield Found(name, text, "text/plain", data)


class Meaning:
    """An embedder that knows two directions: about trains, or not."""

    model = "meaning"
    batch = 2

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.failure: Exception | None = None

    async def vectors(self, texts: Sequence[str]) -> list[array[float]]:
        self.asked.append(list(texts))
        if self.failure is not None:
            raise self.failure
        return [array("f", [1, 0] if "rail" in text or "train" in text else [0, 1]) for text in texts]


@asynccontextmanager
async def opened(
    folder: Path, *sources: Shelf, top_k: int = 2, embedder: Meaning | None = None
) -> AsyncIterator[tuple[Library, Lines]]:
    lines = Lines()
    shelves = cast("Sequence[Source]", sources)
    found = Library(shelves, folder, top_k, Log(sink=lines), cast("Embedder | None", embedder))
    await found.start()
    try:
        yield found, lines
    finally:
        await found.close()


async def texts(library: Library, question: str) -> list[str]:
    return [passage.text for passage in await library.passages(question)]


async def test_the_first_question_finds_what_was_read_for_it(tmp_path: Path) -> None:
    shelf = Shelf("handbook", trains="Take the train.", hotels="A night costs 100.")
    async with opened(tmp_path, shelf) as (library, _):
        (passage,) = await library.passages("How much is a night?")
    assert (passage.source, passage.location, passage.text) == ("handbook", "hotels", "A night costs 100.")


async def test_a_change_arrives_and_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    shelf = Shelf("handbook", hotels="A night costs 100.", old="A night is free.")
    async with opened(tmp_path, shelf) as (library, _):
        assert len(await library.passages("night")) == 2
        shelf.texts = {"hotels": "A night costs 200."}

        async def arrived() -> bool:
            return await texts(library, "night") == ["A night costs 200."]

        await until(arrived)


async def test_a_source_that_fails_keeps_what_it_gave_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "RETRY_SECONDS", 0.001)
    shelf = Shelf("handbook", hotels="A night costs 100.")
    async with opened(tmp_path, shelf) as (found, lines):
        assert await texts(found, "night") == ["A night costs 100."]
        shelf.failure = SourceError("site answered 503")

        async def told() -> bool:
            return any(line.get("reason") == "site answered 503" for line in lines.events())

        await until(told)
        assert await texts(found, "night") == ["A night costs 100."]


async def test_a_source_that_was_down_is_there_once_it_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "RETRY_SECONDS", 0.001)
    shelf = Shelf("handbook", hotels="A night costs 100.")
    shelf.failure = ValueError("a mistake of ours")
    async with opened(tmp_path, shelf) as (found, _):
        assert await texts(found, "night") == []
        shelf.failure = None

        async def there() -> bool:
            return bool(await texts(found, "night"))

        await until(there)


async def test_one_document_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    shelf = Shelf("handbook", broken="a\x00b", hotels="A night costs 100.")
    async with opened(tmp_path, shelf) as (found, lines):
        assert await texts(found, "night") == ["A night costs 100."]
        assert any("broken: it is binary" in str(line.get("reason")) for line in lines.events())


async def test_a_question_does_not_wait_for_ever_for_a_slow_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "FIRST_SECONDS", 0.01)
    slow, quick = Shelf("slow"), Shelf("quick", hotels="A night costs 100.")
    slow.open.clear()
    async with opened(tmp_path, slow, quick) as (found, _):

        async def answered() -> bool:
            return await texts(found, "night") == ["A night costs 100."]

        await until(answered)


async def test_what_words_do_not_say_is_found_by_meaning(tmp_path: Path) -> None:
    shelf = Shelf("handbook", rail="Journeys by rail.", hotels="A night costs 100.", food="Lunch is free.")
    meaning = Meaning()
    async with opened(tmp_path, shelf, top_k=1, embedder=meaning) as (found, _):
        assert await texts(found, "train") == ["Journeys by rail."]
    assert [len(batch) for batch in meaning.asked] == [2, 1, 1]


async def test_vectors_are_not_asked_for_again_after_a_restart(tmp_path: Path) -> None:
    shelf, meaning = Shelf("handbook", rail="Journeys by rail."), Meaning()
    for _ in range(2):
        async with opened(tmp_path, shelf, embedder=meaning) as (found, _):
            await found.passages("train")
    assert meaning.asked == [["\nJourneys by rail."], ["train"], ["train"]]


@pytest.mark.parametrize(
    "failure", [ProviderError("team-a/openai", "status", "answered 503"), TimeoutError()]
)
async def test_without_a_vector_words_have_to_do(tmp_path: Path, failure: Exception) -> None:
    shelf, meaning = Shelf("handbook", hotels="A night costs 100."), Meaning()
    async with opened(tmp_path, shelf, embedder=meaning) as (found, lines):
        assert await texts(found, "night")
        meaning.failure = failure
        assert await texts(found, "night") == ["A night costs 100."]
        assert any("by its words only" in str(line["message"]) for line in lines.events())


async def test_an_index_that_breaks_costs_the_passages_and_not_the_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OSError("disk")

    async with opened(tmp_path, Shelf("handbook")) as (found, lines):
        monkeypatch.setattr(Index, "by_words", broken)
        assert await texts(found, "night") == []
        await asyncio.sleep(0)  # the log writes in the loop's next round
        assert any(line["message"] == "passages could not be looked up" for line in lines.events())


async def test_sources_are_made_from_the_configuration(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        page = source_of(SourceConfig(name="a", url="http://a.example", refresh=60), session, True, tmp_path)
        folder = source_of(SourceConfig(name="b", folder="b"), session, True, tmp_path)
    assert isinstance(page, UrlSource)
    assert page.refresh == 60
    assert isinstance(folder, FolderSource)


def test_what_both_rankings_find_comes_first() -> None:
    assert fused([[1, 2, 3], [4, 2]]) == [2, 1, 4, 3]
    assert fused([]) == []
