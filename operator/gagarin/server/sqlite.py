"""Transactions of SQLite: both databases of a server, the history and the knowledge, write in these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing. It waits for other writers at its beginning, where nothing is lost by it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back itself when the disk is full
            connection.execute("ROLLBACK")
        raise
