"""Documents are read in a process of its own, which may hang or die without harm."""

from __future__ import annotations

import pytest

from gagarin.server.errors import SourceError
from gagarin.server.knowledge import reader
from gagarin.server.knowledge.chunks import Document, Section
from gagarin.server.knowledge.reading import Reading
from tests.unit.server.knowledge.pdfs import pdf


async def test_a_document_comes_back_as_sections() -> None:
    document = await Reading().read(pdf("Take the train."), "application/pdf", "book.pdf")
    assert document == Document("A title", [Section("page 1", "Take the train.")])


async def test_what_cannot_be_read_is_told_in_a_line() -> None:
    with pytest.raises(SourceError, match=r"^book.zip: it is application/zip; HTML, Markdown"):
        await Reading().read(b"PK", "application/zip", "book.zip")


async def test_a_reader_that_takes_too_long_is_ended() -> None:
    with pytest.raises(SourceError, match=r"book.pdf was not read within 0.001 s"):
        await Reading(0.001).read(pdf("a"), "application/pdf", "book.pdf")


async def test_a_reader_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(SourceError, match="its reader ended with status 1"):
        await Reading().read(b"text", "text/plain", "a.txt")


def test_the_reader_takes_the_least_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[int, tuple[int, int]] = {}
    nice: list[int] = []
    written: list[str] = []
    monkeypatch.setattr("os.nice", nice.append)
    monkeypatch.setattr("resource.setrlimit", limits.__setitem__)
    monkeypatch.setattr("pathlib.Path.write_text", lambda _, text: written.append(text))
    reader._take_least()
    assert (nice, written) == ([10], ["1000"])
    assert set(limits.values()) == {(60, 60), (reader.MEMORY_BYTES, reader.MEMORY_BYTES)}
