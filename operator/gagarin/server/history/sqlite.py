"""The SQLite store: one thread of its own, so that a slow disk never stops the event loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable, StartError
from gagarin.server.history.database import Database
from gagarin.server.history.store import Conversation, Page, Turn
from gagarin.server.history.worker import Worker
from gagarin.server.wire import Message

FILE_NAME = "conversations.db"
T = TypeVar("T")


class SqliteStore:
    """`history` is how many messages a turn is given as its past."""

    def __init__(self, folder: Path, history: int) -> None:
        self._file = folder / FILE_NAME
        self._history = history
        self._thread = Worker("history")
        self._database: Database | None = None

    async def open(self) -> None:
        """Open the file and bring its schema up to date."""
        self._database = await self._run(lambda: Database(self._file, self._history))

    async def close(self) -> None:
        """Finish the queue, then close the file."""
        if self._database is not None:
            await self._run(self._database.close)
        self._thread.stop()

    async def accept(self, owner: Owner, conversation: str | None, text: str) -> Turn | None:
        """Keep a question."""
        return await self._run(lambda: self._open.accept(owner, conversation, text))

    async def past(self, turn: Turn) -> Sequence[Message]:
        """The messages before a turn."""
        return await self._run(lambda: self._open.past(turn))

    async def answer(self, turn: Turn, text: str) -> None:
        """Keep an answer."""
        await self._run(lambda: self._open.answer(turn, text))

    async def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """The owner's conversations."""
        return await self._run(lambda: self._open.page(owner, limit, before))

    async def read(
        self, owner: Owner, conversation: str, limit: int, before: int | None
    ) -> Conversation | None:
        """A conversation."""
        return await self._run(lambda: self._open.read(owner, conversation, limit, before))

    async def delete(self, owner: Owner, conversation: str) -> bool:
        """Forget a conversation."""
        return await self._run(lambda: self._open.delete(owner, conversation))

    @property
    def _open(self) -> Database:
        if self._database is None:
            raise StartError("the store of conversations is not open")
        return self._database

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self._thread.run(work)
        except sqlite3.Error as error:
            raise HistoryUnavailable(f"{type(error).__name__}: {error}") from error
