"""The schema in PostgreSQL, brought up to date by whichever replica starts first.

Migrations only ever add: replicas of the version before go on while a rollout is under way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gagarin.server.history import migrations
from gagarin.server.history.pool import Pool

LOCK = 0x67616761_72696E00  # "gagarin": one migration at a time in a database
HEAD = """
CREATE TABLE gagarin.migrations (
    number     integer     PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


async def migrate(pool: Pool, folder: Path = migrations.POSTGRES) -> None:
    """Each file once, in order, all in one transaction, under a lock that ends with it.

    A database that a newer version has migrated is used as it is: what it has more does not matter here.
    """

    async def work(connection: Any) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        done = await _done(connection)
        for number, file in migrations.steps(folder).items():
            if number not in done:
                await connection.execute(file.read_text())
                await connection.execute("INSERT INTO gagarin.migrations (number) VALUES ($1)", number)

    await pool.transaction(work, again=True)


async def _done(connection: Any) -> set[int]:
    """The numbers of the migrations that were made. An existing schema is taken as it is, so that the role
    need not be allowed to make one."""
    if await connection.fetchval("SELECT to_regclass('gagarin.migrations') IS NOT NULL"):
        return {row[0] for row in await connection.fetch("SELECT number FROM gagarin.migrations")}
    if not await connection.fetchval("SELECT to_regnamespace('gagarin') IS NOT NULL"):
        await connection.execute("CREATE SCHEMA gagarin")
    await connection.execute(HEAD)
    return set()
