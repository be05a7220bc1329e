"""One PostgreSQL for all tests here, with fresh tables for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gagarin.server.history.postgres import PostgresStore
from tests.integration.postgres.database import Server, store_in


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    """The server."""
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def server(running: Server) -> Server:
    """The server without our schema in it."""
    running.sql("DROP SCHEMA IF EXISTS gagarin CASCADE")
    return running


@pytest.fixture
async def store(server: Server, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """One replica."""
    opened = store_in(tmp_path, server.url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(server: Server, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """Another replica of the same Instance."""
    opened = store_in(tmp_path, server.url)
    await opened.open()
    yield opened
    await opened.close()
