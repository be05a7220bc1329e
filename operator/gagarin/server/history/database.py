"""Conversations in one SQLite file: the statements, synchronous, for one thread.

WAL and `synchronous = NORMAL`: a committed message survives the death of the process and of the pod; only a
crash of the whole node can take the last moments. Each question, and each answer, is one transaction.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from gagarin.server import problems
from gagarin.server.accounts import KEPT_DAYS, Account, Sums, day_of
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history import migrations, rows
from gagarin.server.history.store import REPEATABLE_SECONDS, Conversation, Held, Page, Turn
from gagarin.server.sqlite import transaction
from gagarin.server.turns import Idempotency
from gagarin.server.wire import Message
from gagarin.serving.errors import StartError

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

    def accept(
        self, owner: Owner, conversation: str | None, text: str, idempotency: Idempotency | None = None
    ) -> Turn | None:
        """Keep a question. None: no such conversation of this owner."""
        now = self._now()
        with transaction(self._connection) as sql:
            if idempotency is None:
                return self._accept(owner, conversation, text, now)
            if (known := self._repeated(owner, conversation, idempotency, now)) is not None:
                return known
            if (turn := self._accept(owner, conversation, text, now)) is not None:
                key = (*owner, conversation or "", idempotency.key, idempotency.digest)
                sql.execute(
                    "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, turn.conversation, turn.number, now),
                )
            return turn

    def held(self, turn: Turn) -> Held:
        """What a turn is given when it is its time."""
        return self._held(turn.conversation or "", turn.number)

    def answer(self, turn: Turn, answered: Answered) -> None:
        """Keep an answer, if its conversation still exists."""
        now = self._now()
        with transaction(self._connection) as sql:
            found = sql.execute(
                "UPDATE conversations SET updated_at = ? WHERE id = ?", (now, turn.conversation)
            )
            if found.rowcount == 1:
                sql.execute(
                    "INSERT OR IGNORE INTO messages VALUES (?, ?, 1, 'assistant', ?, ?, ?)",
                    (turn.conversation, turn.number, answered.text, now, rows.details(answered)),
                )

    def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """A page of the owner's conversations, the last changed first."""
        updated_at, last = rows.position(before)
        found = self._connection.execute(
            "SELECT id, created_at, updated_at, turns FROM conversations "
            "WHERE (issuer, subject, uid, end_user) = (?, ?, ?, ?) AND (updated_at, id) < (?, ?) "
            "ORDER BY updated_at DESC, id DESC LIMIT ?",
            (*owner, updated_at, last, limit + 1),
        ).fetchall()
        return rows.page(found, limit)

    def read(self, owner: Owner, conversation: str, limit: int, before: int | None) -> Conversation | None:
        """A conversation with the messages of its newest `limit` turns, or of those before a turn."""
        head = self._connection.execute(
            "SELECT created_at, updated_at, turns FROM conversations "
            "WHERE id = ? AND (issuer, subject, uid, end_user) = (?, ?, ?, ?)",
            (conversation, *owner),
        ).fetchone()
        if head is None:
            return None
        first, end = rows.span(head[2], limit, before)
        found = self._connection.execute(
            "SELECT turn, step, role, content, created_at, details FROM messages "
            "WHERE conversation = ? AND turn >= ? AND turn < ? ORDER BY turn, step",
            (conversation, first, end),
        )
        return rows.conversation(conversation, head[0], head[1], map(rows.MessageRow._make, found), first)

    def delete(self, owner: Owner, conversation: str) -> bool:
        """Delete a conversation with its messages; whether it was there."""
        with transaction(self._connection) as sql:
            done = sql.execute(
                "DELETE FROM conversations WHERE id = ? AND (issuer, subject, uid, end_user) = (?, ?, ?, ?)",
                (conversation, *owner),
            )
        return done.rowcount == 1

    def erase(self, owner: Owner, most: int) -> int:
        """Delete up to `most` conversations of an owner; how many it were."""
        with transaction(self._connection) as sql:
            return sql.execute(
                "DELETE FROM conversations WHERE id IN (SELECT id FROM conversations "
                "WHERE (issuer, subject, uid, end_user) = (?, ?, ?, ?) LIMIT ?)",
                (*owner, most),
            ).rowcount

    def forget(self) -> None:
        """Take what was deleted out of the write-ahead log too, as far as no reader is in the way."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def index_age(self, *, wanted: bool) -> None:
        """Keep an index of what `expire` looks for, or spare every message its upkeep."""
        if wanted:
            self._connection.execute(
                "CREATE INDEX IF NOT EXISTS conversations_by_age ON conversations (updated_at)"
            )
        else:
            self._connection.execute("DROP INDEX IF EXISTS conversations_by_age")

    def expire(self, keep_for: float | None, most: int) -> int:
        """Delete up to `most` conversations without a message for so long, and as many requests that cannot
        be repeated any more; how many it were."""
        now = self._now()
        with transaction(self._connection) as sql:
            sql.execute("DELETE FROM usage WHERE day <= ?", (day_of(now) - KEPT_DAYS,))
            number = sql.execute(
                "DELETE FROM requests WHERE (issuer, subject, uid, end_user, scope, key) IN ("
                "SELECT issuer, subject, uid, end_user, scope, key FROM requests WHERE made_at <= ? LIMIT ?)",
                (now - REPEATABLE_SECONDS, most),
            ).rowcount
            if keep_for is not None:
                number += sql.execute(
                    "DELETE FROM conversations WHERE id IN "
                    "(SELECT id FROM conversations WHERE updated_at < ? LIMIT ?)",
                    (now - keep_for, most),
                ).rowcount
            return number

    def ids(self, owner: Owner, after: str, limit: int) -> list[str]:
        """The owner's conversations by id, after one."""
        found = self._connection.execute(
            "SELECT id FROM conversations WHERE (issuer, subject, uid, end_user) = (?, ?, ?, ?) "
            "AND id > ? ORDER BY id LIMIT ?",
            (*owner, after, limit),
        )
        return [row[0] for row in found]

    def owners(self, subject: str) -> list[Owner]:
        """Everyone of this name of whom something is kept."""
        found = self._connection.execute(
            "SELECT issuer, subject, uid, end_user FROM conversations WHERE subject = ?1 UNION "
            "SELECT issuer, subject, uid, end_user FROM usage WHERE subject = ?1",
            (subject,),
        )
        return [Owner(*row) for row in found]

    def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        """Add to what owners used."""
        with transaction(self._connection) as sql:
            for account, more in rows:
                key = (*account.owner, account.day, account.model)
                known = sql.execute(
                    "SELECT chats, prompt_tokens, completion_tokens, cost FROM usage WHERE "
                    "(issuer, subject, uid, end_user, day, model) = (?, ?, ?, ?, ?, ?)",
                    key,
                ).fetchone()
                sums = more.plus(_sums(known)) if known else more
                cost = None if sums.cost is None else f"{sums.cost:f}"
                sql.execute(
                    "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, *sums[:3], cost),
                )

    def tokens(self, owner: Owner, day: int) -> int:
        """All tokens of an owner on a day."""
        row: Sequence[int | None] = self._connection.execute(
            "SELECT sum(prompt_tokens + completion_tokens) FROM usage WHERE "
            "(issuer, subject, uid, end_user, day) = (?, ?, ?, ?, ?)",
            (*owner, day),
        ).fetchone()
        return row[0] or 0

    def usage(self, owner: Owner, since: int) -> list[tuple[Account, Sums]]:
        """An owner's sums from a day on."""
        found = self._connection.execute(
            "SELECT day, model, chats, prompt_tokens, completion_tokens, cost FROM usage WHERE "
            "(issuer, subject, uid, end_user) = (?, ?, ?, ?) AND day >= ? ORDER BY day, model",
            (*owner, since),
        )
        return [(Account(owner, row[0], row[1]), _sums(row[2:])) for row in found]

    def forget_usage(self, owner: Owner) -> None:
        """Delete the owner's sums."""
        self._connection.execute(
            "DELETE FROM usage WHERE (issuer, subject, uid, end_user) = (?, ?, ?, ?)", owner
        )

    def _accept(self, owner: Owner, conversation: str | None, text: str, now: float) -> Turn | None:
        if conversation is None:
            conversation, number = self._begin(owner, now), 1
        elif (number := self._continue(owner, conversation, now)) == 0:
            return None
        self._connection.execute(
            "INSERT INTO messages VALUES (?, ?, 0, 'user', ?, ?, '')", (conversation, number, text, now)
        )
        known = Held(self._past(conversation, number)) if number > 1 else Held()
        return Turn(conversation, number, known=known)

    def _repeated(
        self, owner: Owner, conversation: str | None, idempotency: Idempotency, now: float
    ) -> Turn | None:
        """The turn of the first request with this key, if there was one. Raises `Problem` 422."""
        row = self._connection.execute(
            "SELECT digest, conversation, turn FROM requests WHERE "
            "(issuer, subject, uid, end_user, scope, key) = (?, ?, ?, ?, ?, ?) AND made_at > ?",
            (*owner, conversation or "", idempotency.key, now - REPEATABLE_SECONDS),
        ).fetchone()
        if row is None:
            return None
        if row[0] != idempotency.digest:
            raise problems.idempotency_mismatch()
        return Turn(row[1], row[2], known=self._held(row[1], row[2]))

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
            "UPDATE conversations SET turns = turns + 1, updated_at = ? "
            "WHERE id = ? AND (issuer, subject, uid, end_user) = (?, ?, ?, ?) RETURNING turns",
            (now, conversation, *owner),
        ).fetchone()
        return row[0] if row is not None else 0

    def _held(self, conversation: str, turn: int) -> Held:
        row = self._connection.execute(
            "SELECT content, details FROM messages WHERE conversation = ? AND turn = ? AND step = 1",
            (conversation, turn),
        ).fetchone()
        return Held(self._past(conversation, turn), rows.answer(*row) if row is not None else None)

    def _past(self, conversation: str, turn: int) -> list[Message]:
        newest_first = self._connection.execute(
            "SELECT turn, step, role, content FROM messages WHERE conversation = ? AND turn < ? "
            "ORDER BY turn DESC, step DESC LIMIT ?",
            (conversation, turn, self._history),
        ).fetchall()
        return rows.past(newest_first, self._history)


def _sums(row: tuple[int, int, int, str | None]) -> Sums:
    chats, prompt_tokens, completion_tokens, cost = row
    return Sums(chats, prompt_tokens, completion_tokens, None if cost is None else Decimal(cost))


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


def migrate(connection: sqlite3.Connection, folder: Path = migrations.SQLITE) -> None:
    """Bring the schema up to date: each file once, in order, each in one transaction.

    Raises `StartError` for a database that a newer chat server has written.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    steps = migrations.steps(folder)
    if version > max(steps):
        raise StartError(f"the conversations have schema {version}, this chat server knows {max(steps)}")
    for number, file in steps.items():
        if number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{file.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
