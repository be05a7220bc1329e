"""From the sections of a document to passages of a size that a model can be given several of.

A passage never crosses sections, and it ends where a paragraph or a sentence ends if there is one. Each
begins with the end of the one before it, so that what stands at a border is found from both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

CHARS = 1200
OVERLAP = 150
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n")


class Section(msgspec.Struct, frozen=True):
    """A part of a document under one heading; paragraphs are separated by blank lines."""

    heading: str
    text: str


class Document(msgspec.Struct, frozen=True):
    """What a reader makes of a document."""

    title: str
    sections: list[Section]


class Chunk(msgspec.Struct, frozen=True):
    """One passage of a document; `title` is that of the document with the heading of the section."""

    title: str
    text: str


def chunks_of(document: Document, chars: int = CHARS, overlap: int = OVERLAP) -> Iterator[Chunk]:
    """The passages of a document, in its order; none has more than `chars` characters."""
    for section in document.sections:
        title = " - ".join(dict.fromkeys(part for part in (document.title, section.heading) if part))
        for text in _joined(_pieces(section.text, chars - overlap), chars - overlap, overlap):
            yield Chunk(title, text)


def _pieces(text: str, most: int) -> Iterator[str]:
    """Paragraphs; of one that is too long its sentences; of those that are too long, parts."""
    for paragraph in _PARAGRAPH.split(text):
        if len(paragraph) <= most:
            yield paragraph.strip()
            continue
        for sentence in _SENTENCE.split(paragraph):
            yield from _parts(sentence.strip(), most)


def _parts(text: str, most: int) -> Iterator[str]:
    while len(text) > most:
        end = text.rfind(" ", most // 2, most)
        end = most if end < 0 else end
        yield text[:end].strip()
        text = text[end:].strip()
    yield text


def _joined(pieces: Iterable[str], most: int, overlap: int) -> Iterator[str]:
    """Pieces put together while they fit; after the first, each begins with the end of the one before."""
    current, before = "", ""
    for piece in pieces:
        if current and len(current) + 1 + len(piece) > most:
            yield before + current
            before = _tail(current, overlap)
            current = ""
        current = f"{current}\n{piece}" if current and piece else current or piece
    if current:
        yield before + current


def _tail(text: str, most: int) -> str:
    """The last words of a text with a space after them: at most `most` characters in all."""
    if len(text) < most:
        return f"{text} "
    start = text.find(" ", len(text) - most + 1)
    return f"{text[start + 1 :]} " if start >= 0 else ""
