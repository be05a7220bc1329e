"""The index of passages: one SQLite file in the data folder, for one thread.

It holds nothing that could not be made again, so a damaged or outdated file is thrown away. It is kept all
the same: a pod's container that starts again answers at once, and vectors, which cost money, are only asked
for once for each text. Words are found by FTS5 and ranked by BM25; vectors are compared one by one, which is
40 ms for 10,000 passages of 1,536 dimensions, less than asking for the question's own vector takes.
"""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from gagarin.server.knowledge.chunks import Chunk
from gagarin.server.knowledge.passages import Passage
from gagarin.server.knowledge.words import query, spaced
from gagarin.server.sqlite import transaction

SCHEMA_VERSION = 1
SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
BEGIN;
CREATE TABLE documents (source TEXT, location TEXT, stamp TEXT NOT NULL, PRIMARY KEY (source, location));
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, location TEXT NOT NULL, title TEXT NOT NULL,
    text TEXT NOT NULL, digest BLOB NOT NULL
);
CREATE INDEX passages_of_document ON passages (source, location);
CREATE INDEX passages_of_text ON passages (digest);
CREATE VIRTUAL TABLE words USING fts5 (title, text, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TABLE vectors (
    model TEXT, digest BLOB, vector BLOB NOT NULL, PRIMARY KEY (model, digest)
) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
# A heading says more about a passage than a word in it.
RANKED = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 2.0, 1.0) LIMIT ?"


class Unembedded(NamedTuple):
    """A text that has no vector yet."""

    digest: bytes
    text: str


class Index:
    """An open index."""

    def __init__(self, file: Path) -> None:
        self._connection = _opened(file)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def stamps(self, source: str) -> dict[str, str]:
        """The documents of a source as they were last put, by location."""
        rows = self._connection.execute("SELECT location, stamp FROM documents WHERE source = ?", (source,))
        return dict(rows.fetchall())

    def put(self, source: str, location: str, stamp: str, chunks: Iterable[Chunk]) -> int:
        """Replace a document by what it is now; how many passages it has."""
        with transaction(self._connection) as sql:
            self._drop(source, location)
            sql.execute("INSERT INTO documents VALUES (?, ?, ?)", (source, location, stamp))
            return sum(self._insert(source, location, chunk) for chunk in chunks)

    def keep_only(self, source: str, locations: Collection[str]) -> None:
        """Drop the documents of a source that are not there any more."""
        with transaction(self._connection):
            for location in self.stamps(source).keys() - set(locations):
                self._drop(source, location)

    def keep_only_sources(self, sources: Collection[str]) -> None:
        """Drop what belongs to sources that the Agent does not name any more."""
        rows = self._connection.execute("SELECT DISTINCT source FROM documents").fetchall()
        for (source,) in rows:
            if source not in sources:
                self.keep_only(source, ())

    def unembedded(self, model: str, limit: int) -> list[Unembedded]:
        """Texts that have no vector of this model yet."""
        rows = self._connection.execute(
            "SELECT digest, title || '\n' || text FROM passages AS p WHERE NOT EXISTS "
            "(SELECT 1 FROM vectors WHERE model = ? AND digest = p.digest) GROUP BY digest LIMIT ?",
            (model, limit),
        )
        return [Unembedded(*row) for row in rows]

    def embed(self, model: str, vectors: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep vectors (32-bit floats in the machine's order) by the digests of their texts, and forget those
        that no passage has any more."""
        with transaction(self._connection) as sql:
            rows = [(model, digest, vector) for digest, vector in vectors]
            sql.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            sql.execute("DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM passages)")

    def by_words(self, question: str, limit: int) -> list[int]:
        """The passages that have words of the question, the best first."""
        words = query(question)
        return [row for (row,) in self._connection.execute(RANKED, (words, limit))] if words else []

    def by_meaning(self, model: str, vector: Sequence[float], limit: int) -> list[int]:
        """The passages whose vectors point the same way, the nearest first."""
        from simsimd import cosine  # only pods that embed pay for it

        rows = self._connection.execute(
            "SELECT vector, id FROM passages JOIN vectors USING (digest) WHERE model = ?", (model,)
        )
        size = 4 * len(vector)
        distances = (
            (_distance(cosine(memoryview(found).cast("f"), vector)), number)
            for found, number in rows
            if len(found) == size
        )
        return [number for _, number in heapq.nsmallest(limit, distances)]

    def passage(self, number: int) -> Passage:
        """A passage that was found."""
        row = self._connection.execute(
            "SELECT source, title, location, text FROM passages WHERE id = ?", (number,)
        ).fetchone()
        return Passage(*row)

    def _insert(self, source: str, location: str, chunk: Chunk) -> int:
        digest = hashlib.sha256(f"{chunk.title}\n{chunk.text}".encode()).digest()
        number = self._connection.execute(
            "INSERT INTO passages (source, location, title, text, digest) VALUES (?, ?, ?, ?, ?)",
            (source, location, chunk.title, chunk.text, digest),
        ).lastrowid
        words = (number, spaced(chunk.title), spaced(chunk.text))
        self._connection.execute("INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)", words)
        return 1

    def _drop(self, source: str, location: str) -> None:
        here = "WHERE source = ? AND location = ?"
        for statement in (
            f"DELETE FROM words WHERE rowid IN (SELECT id FROM passages {here})",  # noqa: S608  # a constant
            f"DELETE FROM passages {here}",  # noqa: S608  # as above
            f"DELETE FROM documents {here}",  # noqa: S608  # as above
        ):
            self._connection.execute(statement, (source, location))


def _distance(found: object) -> float:
    """A vector of zeros has no direction: as far as can be."""
    return found if isinstance(found, float) and found == found else 2.0  # not a number


def _opened(file: Path) -> sqlite3.Connection:
    """The index in the file, or a new one where that is none of ours."""
    connection = _connected(file)
    if _is_ours(connection):
        return connection
    connection.close()
    for part in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        part.unlink(missing_ok=True)
    connection = _connected(file)
    connection.executescript(SCHEMA)
    return connection


def _is_ours(connection: sqlite3.Connection) -> bool:
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
            return False
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("SELECT count(*) FROM words WHERE words MATCH 'x'")
    except sqlite3.DatabaseError:
        return False
    return True


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, isolation_level=None, check_same_thread=False)
