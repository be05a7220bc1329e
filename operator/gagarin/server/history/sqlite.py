"""The SQLite store: one thread of its own, so that a slow disk never stops the event loop.

One process has the folder for itself: conversations are held in its memory. A second one waits for a moment,
because a pod that was replaced may still be ending, and then refuses to start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from gagarin.server.accounts import Account, Sums
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history import retention
from gagarin.server.history.database import Database
from gagarin.server.history.folderlock import locked
from gagarin.server.history.line import Line
from gagarin.server.history.store import Conversation, Held, Page, Turn
from gagarin.server.history.worker import Worker
from gagarin.server.turns import Idempotency
from gagarin.serving.logs import Log

FILE_NAME = "conversations.db"
T = TypeVar("T")


class SqliteStore:
    """`history` is how many messages a turn is given as its past, `keep_for` for how many seconds after its
    last message a conversation is kept (None: for ever), `patience` how many the folder is waited for.

    `serving` False: beside the process that has the folder, to look at what is kept or to delete some of it.
    """

    def __init__(
        self,
        folder: Path,
        history: int,
        log: Log,
        *,
        keep_for: float | None = None,
        patience: float = 10.0,
        serving: bool = True,
    ) -> None:
        self._folder = folder
        self._history = history
        self._log = log
        self._keep_for = keep_for
        self._patience = patience
        self._serving = serving
        self._line = Line()
        self._thread: Worker | None = None
        self._stack = AsyncExitStack()
        self._database: Database | None = None

    async def open(self) -> None:
        """Take the folder, open the file and bring its schema up to date."""
        if self._serving:
            await self._stack.enter_async_context(locked(self._folder, self._patience))
        file = self._folder / FILE_NAME
        thread = Worker("history")
        self._stack.callback(thread.stop)
        self._database = await thread.run(lambda: Database(file, self._history))
        self._thread = thread
        self._stack.push_async_callback(self._shut)
        if self._serving:
            await self._run(lambda: self._open.index_age(wanted=self._keep_for is not None))
            sweeping = retention.kept_swept(self._expire, self._keep_for, self._log)
            await self._stack.enter_async_context(sweeping)

    async def close(self) -> None:
        """Finish the queue, then close the file and let go of the folder."""
        await self._stack.aclose()

    async def _shut(self) -> None:
        await self._run(self._open.close)
        self._database = self._thread = None

    async def accept(
        self, owner: Owner, conversation: str | None, text: str, idempotency: Idempotency | None = None
    ) -> Turn | None:
        """Keep a question. Its place in line is taken before, so that both have the same order."""
        place = self._line.join(conversation) if conversation is not None else 0
        turn = None
        try:
            turn = await self._run(lambda: self._open.accept(owner, conversation, text, idempotency))
        finally:
            if conversation is not None and turn is None:
                self._line.leave(conversation, place)
        if turn is None or turn.conversation is None:
            return None
        return msgspec.structs.replace(turn, place=place or self._line.join(turn.conversation))

    @asynccontextmanager
    async def lead(self, turn: Turn) -> AsyncIterator[Held]:
        """Hold the conversation. What was read on accepting is read again if others were before."""
        conversation = turn.conversation or ""
        try:
            if await self._line.reached(conversation, turn.place) or turn.known is None:
                yield await self._run(lambda: self._open.held(turn))
            else:
                yield turn.known
        finally:
            self._line.leave(conversation, turn.place)

    async def answer(self, turn: Turn, answered: Answered) -> None:
        """Keep an answer."""
        await self._run(lambda: self._open.answer(turn, answered))

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

    async def erase(self, owner: Owner) -> int:
        """Forget everything of an owner, some at a time, so that chats go on meanwhile."""
        total = 0
        while (erased := await self._run(lambda: self._open.erase(owner, retention.BATCH))) > 0:
            total += erased
        await self._run(self._open.forget)
        return total

    async def ids(self, owner: Owner, after: str, limit: int) -> Sequence[str]:
        """The owner's conversations by id."""
        return await self._run(lambda: self._open.ids(owner, after, limit))

    async def owners(self, subject: str) -> Sequence[Owner]:
        """Everyone of this name."""
        return await self._run(lambda: self._open.owners(subject))

    async def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        """Add to what owners used."""
        await self._run(lambda: self._open.record(rows))

    async def tokens(self, owner: Owner, day: int) -> int:
        """All tokens of an owner on a day."""
        return await self._run(lambda: self._open.tokens(owner, day))

    async def usage(self, owner: Owner, since: int) -> Sequence[tuple[Account, Sums]]:
        """An owner's sums from a day on."""
        return await self._run(lambda: self._open.usage(owner, since))

    async def forget_usage(self, owner: Owner) -> None:
        """Delete the owner's sums."""
        await self._run(lambda: self._open.forget_usage(owner))

    async def _expire(self, most: int) -> int:
        return await self._run(lambda: self._open.expire(self._keep_for, most))

    @property
    def _open(self) -> Database:
        assert self._database is not None
        return self._database

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise HistoryUnavailable("the store of conversations is not open")
        try:
            return await self._thread.run(work)
        except sqlite3.Error as error:
            raise HistoryUnavailable(f"{type(error).__name__}: {error}") from error
