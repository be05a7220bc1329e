"""The SQLite store on its thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable, StartError
from gagarin.server.history.sqlite import FILE_NAME, SqliteStore
from gagarin.server.history.store import Store

ANNA = Owner("iss", "anna", "u1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path, 10)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_conversation_from_its_first_question_to_its_end(store: Store) -> None:
    turn = await store.accept(ANNA, None, "one")
    assert turn is not None
    assert turn.conversation is not None
    await store.answer(turn, "two")
    second = await store.accept(ANNA, turn.conversation, "three")
    assert second is not None
    assert second.past == await store.past(second)
    assert [each.id for each in (await store.page(ANNA, 10, None)).conversations] == [turn.conversation]
    found = await store.read(ANNA, turn.conversation, 10, None)
    assert found is not None
    assert [each.content for each in found.messages] == ["one", "two", "three"]
    assert await store.delete(ANNA, turn.conversation)
    assert not await store.delete(ANNA, turn.conversation)


async def test_many_at_once_are_all_kept(store: Store) -> None:
    turns = await asyncio.gather(*(store.accept(ANNA, None, str(number)) for number in range(100)))
    assert len({turn.conversation for turn in turns if turn}) == 100


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_what_is_kept_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(tmp_path, 10)
        await store.open()
        await store.accept(ANNA, None, "Hello")
        before = (await store.page(ANNA, 10, None)).conversations
        await store.close()
    assert len(before) == 2
    assert names(tmp_path) == [FILE_NAME]


async def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, 10)
    with pytest.raises(StartError):
        await store.accept(ANNA, None, "Hello")
    await store.close()


async def test_a_folder_that_is_not_there_keeps_the_server_from_starting(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none", 10)
    with pytest.raises(StartError):
        await store.open()
    await store.close()


async def test_a_database_that_fails_is_an_error_of_ours(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, 10)
    await store.open()
    store._open._connection.execute("DROP TABLE messages")
    with pytest.raises(HistoryUnavailable, match="no such table"):
        await store.accept(ANNA, None, "Hello")
    await store.close()
