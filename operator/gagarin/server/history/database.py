"""Conversations in one SQLite file: the statements, synchronous, for one thread.

WAL and `synchronous = NORMAL`: a committed message survives the death of the process and of the pod; only a
crash of the whole node can take the last moments. Each question, and each answer, is one transaction.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gagarin.server.auth.identity import Owner
from gagarin.server.errors import StartError
from gagarin.server.history.store import Conversation, Page, StoredMessage, Summary, Turn
from gagarin.server.wire import Message

MIGRATIONS = Path(__file__).parent / "migrations"
PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA foreign_keys = ON;
PRAGMA busy_timeout = 5000;
PRAGMA secure_delete = ON;
PRAGMA wal_autocheckpoint = 4000;
"""


class Database:
    """An open database. `history` is how many messages a turn is given as its past."""

    def __init__(self, file: Path, history: int, now: Callable[[], float] = time.time) -> None:
        self._history = history
        self._now = now
        self._connection = _opened(file)

    def close(self) -> None:
        """Close the file; the write-ahead log is merged into it."""
        self._connection.close()

    def accept(self, owner: Owner, conversation: str | None, text: str) -> Turn | None:
        """Keep a question. None: no such conversation of this owner."""
        now = self._now()
        with self._transaction() as sql:
            if conversation is None:
                conversation, number = self._begin(owner, now), 1
            elif (number := self._continue(owner, conversation, now)) == 0:
                return None
            sql.execute(
                "INSERT INTO messages VALUES (?, ?, 0, 'user', ?, ?)", (conversation, number, text, now)
            )
            return Turn(conversation, number, self._past(conversation, number))

    def past(self, turn: Turn) -> list[Message]:
        """The newest messages before a turn, oldest first."""
        return self._past(turn.conversation or "", turn.number)

    def answer(self, turn: Turn, text: str) -> None:
        """Keep an answer, if its conversation still exists."""
        now = self._now()
        with self._transaction() as sql:
            found = sql.execute(
                "UPDATE conversations SET updated_at = ? WHERE id = ? RETURNING id", (now, turn.conversation)
            ).fetchone()
            if found is not None:
                sql.execute(
                    "INSERT INTO messages VALUES (?, ?, 1, 'assistant', ?, ?)",
                    (turn.conversation, turn.number, text, now),
                )

    def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """A page of the owner's conversations, the last changed first."""
        updated_at, last = _position(before)
        rows = self._connection.execute(
            "SELECT id, created_at, updated_at, turns FROM conversations WHERE "
            "issuer = ? AND subject = ? AND uid = ? AND end_user = ? "
            "AND (updated_at, id) < (?, ?) ORDER BY updated_at DESC, id DESC LIMIT ?",
            (*owner, updated_at, last, limit + 1),
        ).fetchall()
        found = [Summary(row[0], _rfc3339(row[1]), _rfc3339(row[2]), row[3]) for row in rows[:limit]]
        more = f"{rows[limit - 1][2]!r},{rows[limit - 1][0]}" if len(rows) > limit else None
        return Page(found, more)

    def read(self, owner: Owner, conversation: str, limit: int, before: int | None) -> Conversation | None:
        """A conversation with the messages of its newest `limit` turns, or of those before a turn."""
        head = self._connection.execute(
            "SELECT created_at, updated_at, turns FROM conversations WHERE id = ? AND "
            "issuer = ? AND subject = ? AND uid = ? AND end_user = ?",
            (conversation, *owner),
        ).fetchone()
        if head is None:
            return None
        end = head[2] + 1 if before is None else min(before, head[2] + 1)
        first = max(end - limit, 1)
        rows = self._connection.execute(
            "SELECT turn, role, content, created_at FROM messages "
            "WHERE conversation = ? AND turn >= ? AND turn < ? ORDER BY turn, step",
            (conversation, first, end),
        )
        messages = [StoredMessage(row[0], row[1], row[2], _rfc3339(row[3])) for row in rows]
        more = first if first > 1 else None
        return Conversation(conversation, _rfc3339(head[0]), _rfc3339(head[1]), messages, more)

    def delete(self, owner: Owner, conversation: str) -> bool:
        """Delete a conversation with its messages; whether it was there."""
        with self._transaction() as sql:
            done = sql.execute(
                "DELETE FROM conversations WHERE id = ? AND "
                "issuer = ? AND subject = ? AND uid = ? AND end_user = ?",
                (conversation, *owner),
            )
        return done.rowcount == 1

    def _begin(self, owner: Owner, now: float) -> str:
        """A new conversation, at its first turn."""
        conversation = str(uuid.uuid4())
        self._connection.execute(
            "INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, ?, 1)", (conversation, *owner, now, now)
        )
        return conversation

    def _continue(self, owner: Owner, conversation: str, now: float) -> int:
        """The number of the next turn; 0 if the owner has no such conversation."""
        row = self._connection.execute(
            "UPDATE conversations SET turns = turns + 1, updated_at = ? WHERE id = ? AND "
            "issuer = ? AND subject = ? AND uid = ? AND end_user = ? RETURNING turns",
            (now, conversation, *owner),
        ).fetchone()
        return row[0] if row is not None else 0

    def _past(self, conversation: str, turn: int) -> list[Message]:
        if turn == 1:
            return []
        rows = self._connection.execute(
            "SELECT role, content FROM messages WHERE conversation = ? AND turn < ? "
            "ORDER BY turn DESC, step DESC LIMIT ?",
            (conversation, turn, self._history),
        ).fetchall()
        return [Message(role, content) for role, content in reversed(rows)]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise


def _opened(file: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StartError(f"the conversations in {file} cannot be opened: {error}") from error
    try:
        connection.executescript(PRAGMAS)
        migrate(connection)
    except sqlite3.Error as error:
        connection.close()
        raise StartError(f"the conversations in {file} cannot be opened: {error}") from error
    except StartError:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, folder: Path = MIGRATIONS) -> None:
    """Bring the schema up to date: each file `NNNN_*.sql` once, in order, each in one transaction.

    Raises `StartError` for a database that a newer chat server has written.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    steps = {int(file.name[:4]): file for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    if version > max(steps):
        raise StartError(f"the conversations have schema {version}, this chat server knows {max(steps)}")
    for number, file in steps.items():
        if number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{file.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;"
            )


def _position(before: str | None) -> tuple[float, str]:
    """The place in the list that a cursor stands for. Raises `ValueError`."""
    if before is None:
        return float("inf"), ""
    updated_at, _, last = before.partition(",")
    return float(updated_at), last


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
