"""The PostgreSQL store: several replicas share it, and several Instances may.

A question is one statement and one commit, an answer another; what is accepted or answered was acknowledged
by the database. Conversations are named by the store before they are written, so that a statement whose
connection broke can be sent again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar

from gagarin.server import problems
from gagarin.server.accounts import DAY, KEPT_DAYS, day_of
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable, ServerError
from gagarin.server.history import queries, retention, rows, schema
from gagarin.server.history.leases import Leases
from gagarin.server.history.pool import Pool, Row
from gagarin.server.history.store import REPEATABLE_SECONDS, Conversation, Held, Page, Turn
from gagarin.server.turns import Idempotency
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log

FIRST = uuid.UUID(int=0)  # before every id

T = TypeVar("T")


class _Question(NamedTuple):
    """A question on its way into the database; `attempt` names this try to write it."""

    conversation: uuid.UUID
    whose: tuple[str, ...]
    now: float
    text: str
    attempt: uuid.UUID

    def values(self, replica: uuid.UUID) -> tuple[Any, ...]:
        """The parameters of `BEGIN` and of `CONTINUE`."""
        return (self.conversation, *self.whose, self.now, self.text, replica, self.attempt)


class PostgresStore:
    """`instance` is NAMESPACE/NAME, `history` how many messages a turn is given as its past, `keep_for` for
    how many seconds after its last message a conversation is kept (None: for ever)."""

    def __init__(
        self,
        pool: Pool,
        instance: str,
        history: int,
        log: Log,
        *,
        keep_for: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._pool = pool
        self._instance = instance
        self._history = history
        self._log = log
        self._keep_for = keep_for
        self._now = now
        self._leases = Leases(pool, log)
        self._background: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""
        self._stack.push_async_callback(self._pool.close)
        try:
            await schema.migrate(self._pool)
            await self._stack.enter_async_context(self._leases.alive())
        except HistoryUnavailable as error:
            await self._stack.aclose()
            raise StartError(f"history.postgres: the database cannot be used: {error}") from error
        self._stack.push_async_callback(self._settled)
        sweeping = retention.kept_swept(self._expire, self._keep_for, self._log)
        await self._stack.enter_async_context(sweeping)

    async def close(self) -> None:
        """Give up what is held, and close the connections."""
        await self._stack.aclose()

    async def accept(
        self, owner: Owner, conversation: str | None, text: str, idempotency: Idempotency | None = None
    ) -> Turn | None:
        """Keep a question. If the caller goes away meanwhile, its place is given up."""
        known = None if conversation is None else rows.uuid_of(conversation)
        if conversation is not None and known is None:
            return None
        accepting = self._accept(owner, known, storable(text), idempotency)
        return await self._unbroken(accepting, self._let_go)

    @asynccontextmanager
    async def lead(self, turn: Turn) -> AsyncIterator[Held]:
        """Hold the conversation. The rows of its line say when, and which messages there are then."""
        try:
            yield turn.known or await self._reached(turn)
        finally:
            if turn.place:
                await self._unbroken(self._let_go(turn))

    async def answer(self, turn: Turn, answered: Answered) -> None:
        """Keep an answer, and let the next turn begin."""
        conversation, kept = uuid.UUID(turn.conversation), rows.details(answered)
        await self._pool.count(
            queries.ANSWER,
            *(conversation, turn.number, turn.place, self._now(), storable(answered.text), kept),
            again=True,
        )
        self._leases.left(conversation, turn.place)
        turn.place = 0

    async def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """The owner's conversations."""
        updated_at, last = rows.position(before)
        position = (updated_at, rows.uuid_of(last) or FIRST)
        found = await self._pool.fetch(queries.PAGE, *self._whose(owner), *position, limit + 1, again=True)
        return rows.page([(row[0], row[1], row[2], row[3]) for row in found], limit)

    async def read(
        self, owner: Owner, conversation: str, limit: int, before: int | None
    ) -> Conversation | None:
        """A conversation."""
        if (known := rows.uuid_of(conversation)) is None:
            return None
        head = await self._pool.row(queries.HEAD, known, *self._whose(owner), again=True)
        if head is None:
            return None
        first, end = rows.span(head[2], limit, before)
        found = await self._pool.fetch(queries.MESSAGES, known, first, end, again=True)
        return rows.conversation(conversation, head[0], head[1], map(rows.MessageRow._make, found), first)

    async def delete(self, owner: Owner, conversation: str) -> bool:
        """Forget a conversation."""
        known = rows.uuid_of(conversation)
        return known is not None and await self._pool.count(queries.DELETE, known, *self._whose(owner)) == 1

    async def erase(self, owner: Owner) -> int:
        """Forget everything of an owner, some at a time."""
        total = 0
        while (erased := await self._pool.count(queries.ERASE, *self._whose(owner), retention.BATCH)) > 0:
            total += erased
        return total

    async def ids(self, owner: Owner, after: str, limit: int) -> Sequence[str]:
        """The owner's conversations by id."""
        begin = rows.uuid_of(after) or FIRST
        found = await self._pool.fetch(queries.IDS, *self._whose(owner), begin, limit, again=True)
        return [row[0] for row in found]

    async def owners(self, subject: str) -> Sequence[Owner]:
        """Everyone of this name."""
        found = await self._pool.fetch(queries.OWNERS, self._instance, subject, again=True)
        return [Owner(*row) for row in found]

    def _whose(self, owner: Owner) -> tuple[str, ...]:
        return (self._instance, *owner)

    async def _accept(
        self, owner: Owner, conversation: uuid.UUID | None, text: str, idempotency: Idempotency | None
    ) -> Turn | None:
        asked = _Question(conversation or uuid.uuid4(), self._whose(owner), self._now(), text, uuid.uuid4())
        try:
            if idempotency is not None:
                turn = await self._accept_once(asked, conversation is None, idempotency)
            elif conversation is None:
                await self._pool.count(queries.BEGIN, *asked.values(self._leases.replica), again=True)
                turn = _begun(asked)
            else:
                row = await self._pool.row(queries.CONTINUE, *asked.values(self._leases.replica))
                turn = _continued(asked, row)
        except (
            HistoryUnavailable
        ):  # nobody knows whether it was written: then its place must not be waited for
            self._in_background(self._leases.forget(asked.conversation, asked.attempt))
            raise
        if turn is not None and turn.place:
            self._leases.hold(uuid.UUID(turn.conversation), turn.place)
        return turn

    async def _accept_once(self, asked: _Question, begins: bool, idempotency: Idempotency) -> Turn | None:
        """The same for a request that may be a repeated one: who else has its key waits for the outcome."""
        key = (*asked.whose, "" if begins else str(asked.conversation), idempotency.key)
        values = asked.values(self._leases.replica)

        async def work(connection: Any) -> Turn | None:
            await connection.execute(queries.LOCK, "\n".join(key))
            known = await connection.fetchrow(queries.REPEATED, *key, asked.now - REPEATABLE_SECONDS)
            if known is not None:
                place = await connection.fetchval(queries.JOINED, known[1], asked.attempt)
                return _repeated(known, place or 0, idempotency)
            if begins:
                await connection.execute(queries.BEGIN, *values)
                turn: Turn | None = _begun(asked)
            else:
                turn = _continued(asked, await connection.fetchrow(queries.CONTINUE, *values))
            if turn is not None:
                row = (*key, idempotency.digest, asked.conversation, turn.number, asked.now)
                await connection.execute(queries.REQUESTED, *row)
            return turn

        return await self._pool.transaction(work, again=True)

    async def _reached(self, turn: Turn) -> Held:
        """What there is once nobody is before the turn. One that was repeated takes a place of its own,
        unless whoever has it answers it."""
        conversation = uuid.UUID(turn.conversation)
        while True:
            found = await self._leases.reached(conversation, turn.place, turn.number, self._history)
            held = _held(found, turn.number, self._history)
            if turn.place or held.answer is not None:
                return held
            place = await self._unbroken(self._leases.take(conversation, turn.number))
            if place == 0:
                return held
            turn.place = place or 0

    async def _let_go(self, turn: Turn | None) -> None:
        if turn is not None and turn.place:
            place, turn.place = turn.place, 0
            await self._leases.release(uuid.UUID(turn.conversation), place)

    async def _unbroken(
        self, work: Coroutine[Any, Any, T], undo: Callable[[T], Awaitable[None]] | None = None
    ) -> T:
        """The result of something that has to come to its end even if nobody waits for it any more; then
        it is undone."""
        doing = asyncio.create_task(work)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            self._in_background(_end(doing, undo))
            raise

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        doing = asyncio.create_task(work)
        self._background.add(doing)
        doing.add_done_callback(self._background.discard)

    async def _settled(self) -> None:
        await asyncio.gather(*self._background)

    async def _expire(self, most: int) -> int:
        now = self._now()
        await self._pool.count("DELETE FROM gagarin.usage WHERE day <= $1", day_of(now) - KEPT_DAYS)
        await self._pool.count("DELETE FROM gagarin.rates WHERE full_at < $1", now - DAY)
        await self._pool.count(queries.EXPIRE_LEASES)
        number = await self._pool.count(queries.EXPIRE_REQUESTS, now - REPEATABLE_SECONDS, most)
        if self._keep_for is not None:
            number += await self._pool.count(
                queries.EXPIRE_CONVERSATIONS, self._instance, now - self._keep_for, most
            )
        return number


def storable(text: str) -> str:
    """The text without the one character that PostgreSQL cannot keep."""
    return text.replace("\0", "\ufffd")


def _begun(asked: _Question) -> Turn:
    """The first turn: nobody is before it, and there is no past to read."""
    return Turn(str(asked.conversation), 1, place=1, known=Held())


def _continued(asked: _Question, row: Row | None) -> Turn | None:
    return None if row is None else Turn(str(asked.conversation), row[0], place=row[1])


def _repeated(row: Row, place: int, idempotency: Idempotency) -> Turn:
    """The turn of the first request; with its place, if this very call wrote it."""
    if row[0] != idempotency.digest:
        raise problems.idempotency_mismatch()
    return Turn(str(row[1]), row[2], place=place)


def _held(newest_first: Sequence[Row], turn: int, history: int) -> Held:
    """What (turn, step, role, content, details) say: the turn's own answer is the newest of them."""
    answered = None
    if newest_first and newest_first[0][0] == turn:
        answered = rows.answer(newest_first[0][3], newest_first[0][4])
        newest_first = newest_first[1:]
    before = [(row[0], row[1], row[2], row[3]) for row in newest_first[:history]]
    return Held(rows.past(before, history), answered)


async def _end(doing: asyncio.Task[T], undo: Callable[[T], Awaitable[None]] | None) -> None:
    with suppress(ServerError):
        done = await doing
        if undo is not None:
            await undo(done)
