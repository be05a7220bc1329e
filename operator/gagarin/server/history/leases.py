"""Whose time it is in a conversation, across replicas.

Every accepted turn has a row: its place in the conversation's line, and the replica that answers it. A turn
may begin when nobody alive is before it. A replica is alive as long as it says so, every few seconds, in one
row of its own; when it is killed its turns stop counting a moment later, and no lock or transaction is ever
held while a model is asked. Who waits asks again and again, with jitter; those of one replica wake each other
at once.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history.pool import Pool, Row
from gagarin.serving.logs import Log

ALIVE_SECONDS = 6.0
RENEW_SECONDS = 1.5
STRAY_SECONDS = 30.0  # longer than any statement can be under way
PAUSES = (0.05, 0.5)  # seconds between two looks: the first, and the longest

RENEW = """
INSERT INTO gagarin.replicas VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until
"""
# Whether somebody alive is before a place; for one without a place, whether somebody alive has the turn.
BUSY = """
SELECT EXISTS (
    SELECT FROM gagarin.leases JOIN gagarin.replicas ON id = replica
    WHERE conversation = $1 AND (place < $2 OR $2 = 0 AND turn = $3) AND alive_until > clock_timestamp()
)
"""
# The same, and what the turn has to know if nobody is.
LOOK = """
SELECT busy, turn, step, role, content, details FROM (SELECT EXISTS (
    SELECT FROM gagarin.leases JOIN gagarin.replicas ON id = replica
    WHERE conversation = $1 AND (place < $2 OR $2 = 0 AND turn = $3) AND alive_until > clock_timestamp()
)) AS line(busy) LEFT JOIN LATERAL (
    SELECT * FROM gagarin.messages
    WHERE conversation = $1 AND (turn < $3 OR turn = $3 AND step = 1)
    ORDER BY turn DESC, step DESC LIMIT $4
) AS past ON NOT busy ORDER BY turn DESC, step DESC
"""
STRAYS = """
SELECT conversation, place FROM gagarin.leases
WHERE replica = $1 AND since < clock_timestamp() - make_interval(secs => $2)
"""
FORGET = "DELETE FROM gagarin.leases WHERE conversation = $1 AND attempt = $2"
RELEASE = "DELETE FROM gagarin.leases WHERE conversation = $1 AND place = $2"


class Leases:
    """The places of one replica."""

    def __init__(self, pool: Pool, log: Log) -> None:
        self.replica = uuid.uuid4()
        self._pool = pool
        self._log = log
        self._waiting: dict[uuid.UUID, set[asyncio.Event]] = {}
        self._held: set[tuple[uuid.UUID, int]] = set()

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Say that this replica is alive, and on leaving that it is not."""
        await self._renew()
        renewing = asyncio.create_task(self._keep_renewing())
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            with suppress(HistoryUnavailable):
                await self._pool.count("DELETE FROM gagarin.replicas WHERE id = $1", self.replica)

    async def reached(self, conversation: uuid.UUID, place: int, turn: int, history: int) -> list[Row]:
        """Wait until nobody is before the place. Rows as in `LOOK`, newest first: the turn's answer, if there
        is one, and the messages before it."""
        pause, longest = PAUSES
        with self._woken(conversation) as woken:
            while True:
                woken.clear()
                found = await self._pool.fetch(LOOK, conversation, place, turn, history + 1, again=True)
                if not found[0][0]:
                    return [row[1:] for row in found if row[1] is not None]
                await _soon(woken, pause * random.uniform(0.7, 1.3))  # noqa: S311  # jitter, no secret
                pause = min(pause * 1.5, longest)

    async def take(self, conversation: uuid.UUID, turn: int) -> int | None:
        """A place at the end of the line for a turn that nobody alive has. None: somebody took it first; 0:
        there is no such conversation any more."""

        async def work(connection: Any) -> int | None:
            place: int | None = await connection.fetchval(
                "UPDATE gagarin.conversations SET places = places + 1 WHERE id = $1 RETURNING places",
                conversation,
            )
            if place is None:
                return 0
            if await connection.fetchval(BUSY, conversation, 0, turn):
                return None
            await connection.execute(
                "INSERT INTO gagarin.leases VALUES ($1, $2, $3, $4, $5)",
                *(conversation, place, turn, self.replica, uuid.uuid4()),
            )
            return place

        if place := await self._pool.transaction(work):
            self.hold(conversation, place)
        return place

    def hold(self, conversation: uuid.UUID, place: int) -> None:
        """A place was joined for a turn of this replica."""
        self._held.add((conversation, place))

    async def release(self, conversation: uuid.UUID, place: int) -> None:
        """Give a place up. If the database is away, it is a stray one, and deleted later."""
        with suppress(HistoryUnavailable):
            await self._pool.count(RELEASE, conversation, place, again=True)
        self.left(conversation, place)

    async def forget(self, conversation: uuid.UUID, attempt: uuid.UUID) -> None:
        """Give up what an attempt may have written whose outcome was lost."""
        with suppress(HistoryUnavailable):
            await self._pool.count(FORGET, conversation, attempt, again=True)

    def left(self, conversation: uuid.UUID, place: int) -> None:
        """A place is not needed any more: those of this replica who wait look at once."""
        self._held.discard((conversation, place))
        for event in self._waiting.get(conversation, ()):
            event.set()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew()
                await self._release_strays()
            except HistoryUnavailable as error:
                self._log.event("warning", f"the lease of this replica cannot be renewed: {error}")

    async def _release_strays(self) -> None:
        """Rows of this replica that no turn of it knows of: written by a statement whose outcome was lost."""
        for conversation, place in await self._pool.fetch(STRAYS, self.replica, STRAY_SECONDS, again=True):
            if (conversation, place) not in self._held:
                await self.release(conversation, place)

    async def _renew(self) -> None:
        await self._pool.count(RENEW, self.replica, ALIVE_SECONDS, again=True)

    @contextmanager
    def _woken(self, conversation: uuid.UUID) -> Iterator[asyncio.Event]:
        """An event that is set when a place of this replica was given up."""
        event = asyncio.Event()
        waiting = self._waiting.setdefault(conversation, set())
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting:
                self._waiting.pop(conversation, None)


async def _soon(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
