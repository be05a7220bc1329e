"""What nobody may keep for ever is deleted in the background, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from gagarin.server.errors import HistoryUnavailable
from gagarin.serving.logs import Log

BATCH = 200  # rows in one transaction
SHORTEST, LONGEST = 1.0, 600.0  # seconds from one sweep to the next

# Deletes up to so many conversations, and other things, whose time is over; how many it were.
Expire = Callable[[int], Awaitable[int]]


@asynccontextmanager
async def kept_swept(expire: Expire, keep_for: float | None, log: Log) -> AsyncIterator[None]:
    """Sweep at once, and then again and again."""
    sweeping = asyncio.create_task(_sweep(expire, pause_of(keep_for), log))
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping


def pause_of(keep_for: float | None) -> float:
    """Seconds between sweeps: a conversation outlives its time by a tenth at most, or by ten minutes."""
    return LONGEST if keep_for is None else min(max(keep_for / 10, SHORTEST), LONGEST)


async def _sweep(expire: Expire, pause: float, log: Log) -> None:
    while True:
        try:
            expired = 0
            while (some := await expire(BATCH)) > 0:
                expired += some
            if expired:
                log.event("info", "what was kept long enough was deleted", number=expired)
        except HistoryUnavailable as error:
            log.event("warning", f"old conversations cannot be deleted now: {error}")
        await asyncio.sleep(pause)
