"""The SQLite store on its thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history.sqlite import FILE_NAME, SqliteStore
from gagarin.server.history.store import Store
from gagarin.serving.errors import StartError
from tests.unit.server.auth.oracle import quiet

ANNA = Owner("iss", "anna", "u1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path, 10, quiet())
    await opened.open()
    yield opened
    await opened.close()


async def test_many_at_once_are_all_kept(store: Store) -> None:
    turns = await asyncio.gather(*(store.accept(ANNA, None, str(number)) for number in range(100)))
    assert len({turn.conversation for turn in turns if turn}) == 100


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_what_is_kept_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(tmp_path, 10, quiet())
        await store.open()
        await store.accept(ANNA, None, "Hello")
        before = (await store.page(ANNA, 10, None)).conversations
        await store.close()
    assert len(before) == 2
    assert sorted(names(tmp_path)) == [FILE_NAME, "conversations.lock"]


async def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, 10, quiet())
    with pytest.raises(HistoryUnavailable, match="not open"):
        await store.accept(ANNA, None, "Hello")
    await store.open()
    await store.close()
    with pytest.raises(HistoryUnavailable, match="not open"):
        await store.accept(ANNA, None, "Hello")


async def test_a_folder_that_is_not_there_keeps_the_server_from_starting(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none", 10, quiet())
    with pytest.raises(StartError):
        await store.open()
    await store.close()


async def test_a_database_that_fails_is_an_error_of_ours(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, 10, quiet())
    await store.open()
    store._open._connection.execute("DROP TABLE messages")
    with pytest.raises(HistoryUnavailable, match="no such table"):
        await store.accept(ANNA, None, "Hello")
    await store.close()


async def test_a_second_process_is_kept_out_of_the_folder(store: Store, tmp_path: Path) -> None:
    second = SqliteStore(tmp_path, 10, quiet(), patience=0.0)
    with pytest.raises(StartError, match="in use by another process"):
        await second.open()
    await second.close()


async def test_a_question_whose_caller_goes_away_blocks_nobody(store: Store) -> None:
    turn = await store.accept(ANNA, None, "one")
    assert turn is not None
    async with store.lead(turn):
        pass
    asking = asyncio.create_task(store.accept(ANNA, turn.conversation, "never mind"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    third = await store.accept(ANNA, turn.conversation, "three")
    assert third is not None
    async with asyncio.timeout(60), store.lead(third):
        pass


READ_ONLY = """
import asyncio, io, os, sys
from pathlib import Path
from gagarin.server.history.sqlite import SqliteStore
from gagarin.serving.logs import Log
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    asyncio.run(SqliteStore(Path(sys.argv[1]), 10, Log("error", io.BytesIO())).open())
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


def test_a_folder_that_may_not_be_written_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, name], capture_output=True, text=True, check=True
        )
    assert done.stdout == f"StartError: the conversations in {name} cannot be opened: Permission denied\n"
