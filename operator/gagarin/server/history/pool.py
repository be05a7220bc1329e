"""Connections to PostgreSQL, and what is done when they fail.

The URL is in a Secret's file; when that changes, or is refused, new connections are made with what is in it
now. While the database cannot be reached, a call waits a few seconds for it: a failover is not everybody's
error. A statement that may be repeated is sent a second time when its connection broke. Nothing depends on
session state, so that PgBouncer may share connections between transactions (from 1.21 on, with
`max_prepared_statements` above 0).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg

from gagarin.server.errors import HistoryUnavailable, SecretUnreadable
from gagarin.server.secretfiles import SecretFiles

CONNECTIONS = 10  # at most, of one replica
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
PATIENCE = 5.0  # seconds to wait for a database that cannot be reached
PAUSE = 0.1  # seconds between two tries

T = TypeVar("T")
Row = Sequence[Any]

_REFUSED = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
)
_UNUSABLE = asyncpg.InternalClientError  # the server has said that it ends the connection, and has not yet
_BROKEN = (*_AWAY, asyncpg.DeadlockDetectedError, _UNUSABLE)
_FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, _UNUSABLE)


class Pool:
    """`extra_ca` are PEM certificates to trust beside the system's. Every call may raise
    `HistoryUnavailable`."""

    def __init__(self, secrets: SecretFiles, url_file: str, extra_ca: str | None = None) -> None:
        self._secrets = secrets
        self._url_file = url_file
        self._extra_ca = extra_ca
        self._url = ""
        self._pool: Any = None
        self._changing = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let statements finish, then close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await _closed(pool)
        await asyncio.gather(*self._retired)

    async def fetch(self, sql: str, *values: object, again: bool = False) -> list[Row]:
        """The rows of one statement. `again`: it may be repeated."""
        return await self._run(lambda connection: connection.fetch(sql, *values), again=again)

    async def row(self, sql: str, *values: object, again: bool = False) -> Row | None:
        """The first row of one statement."""
        return await self._run(lambda connection: connection.fetchrow(sql, *values), again=again)

    async def count(self, sql: str, *values: object, again: bool = False) -> int:
        """How many rows a statement wrote."""
        status: str = await self._run(lambda connection: connection.execute(sql, *values), again=again)
        return int(status.rpartition(" ")[2])

    async def transaction(self, work: Callable[[Any], Awaitable[T]], *, again: bool = False) -> T:
        """What `work` does with a connection, all of it or nothing."""

        async def transact(connection: Any) -> T:
            async with connection.transaction():
                return await work(connection)

        return await self._run(transact, again=again)

    async def _run(self, work: Callable[[Any], Awaitable[T]], *, again: bool) -> T:
        try:
            while True:
                async with self._connection() as connection:
                    try:
                        return await work(connection)
                    except _BROKEN as error:
                        if isinstance(error, _UNUSABLE):
                            connection.terminate()
                        if not again or isinstance(error, TimeoutError):
                            raise
                        again = False
        except _FAILURES as error:
            raise HistoryUnavailable(f"{type(error).__name__}: {error}") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        pool, connection = await self._acquired()
        try:
            yield connection
        finally:
            await pool.release(connection)

    async def _acquired(self) -> tuple[Any, Any]:
        """A connection and the pool it is of, waited for while the database is away."""
        end = time.monotonic() + PATIENCE
        read_again = False
        while True:
            try:
                pool = await self._current(read_again=read_again)
                return pool, await pool.acquire(timeout=STATEMENT_SECONDS)
            except _REFUSED:
                if read_again:
                    raise
                read_again = True
            except _AWAY as error:
                if time.monotonic() > end or isinstance(error, ValueError):
                    raise
                await asyncio.sleep(PAUSE)

    async def _current(self, *, read_again: bool) -> Any:
        """The pool for the URL that is in the file now."""
        try:
            url = self._secrets.read(self._url_file, again=read_again)
        except SecretUnreadable as error:
            raise HistoryUnavailable(str(error)) from error
        if self._pool is None or url != self._url:
            async with self._changing:
                await self._change(url)
        return self._pool

    async def _change(self, url: str) -> None:
        if self._pool is not None and url == self._url:
            return  # another call has changed it
        if self._pool is not None:
            self._retire(self._pool)
        self._pool, self._url = await _made(url, self._extra_ca), url

    def _retire(self, pool: Any) -> None:
        """Close it once its statements have ended."""
        closing = asyncio.create_task(_closed(pool))
        self._retired.add(closing)
        closing.add_done_callback(self._retired.discard)


def tls_of(url: str, extra_ca: str | None) -> ssl.SSLContext | None:
    """What the server's certificate is checked with, where the URL wants that and names no file of its own;
    None: as `sslmode` in the URL says."""
    query = parse_qs(urlsplit(url).query)
    mode = query.get("sslmode", [""])[-1]
    if mode not in ("verify-ca", "verify-full") or "sslrootcert" in query:
        return None
    context = ssl.create_default_context()
    if extra_ca is not None:
        context.load_verify_locations(cadata=extra_ca)
    context.check_hostname = mode == "verify-full"
    return context


async def _made(url: str, extra_ca: str | None) -> Any:
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=CONNECTIONS,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        reset=_leave,
        ssl=tls_of(url, extra_ca),
    )


async def _leave(_: object) -> None:
    """Nothing has to be put back, because no statement changes its session; that saves a round trip."""


async def _closed(pool: Any) -> None:
    try:
        async with asyncio.timeout(STATEMENT_SECONDS):
            await pool.close()
    except _FAILURES:
        pool.terminate()
