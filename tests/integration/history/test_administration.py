"""The command of whoever may enter the pod, beside a store that is in use."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gagarin.core import config as configuration
from gagarin.core.config import History
from gagarin.server.accounts import Account, Sums, day_of
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history.sqlite import FILE_NAME, SqliteStore
from tests.integration.server.serverprocess import configured
from tests.unit.server.auth.oracle import quiet

ANNA = Owner("iss", "system:serviceaccount:team-a:anna", "u1")
CUSTOMER = ANNA._replace(end_user="a customer")


class Pod:
    """A data folder and a configuration, as the command finds them."""

    def __init__(self, folder: Path, history: History) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.file = folder / "agent.json"
        self.file.write_text(configuration.encode(configured("http://unused", history=history)))

    def run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """The command."""
        variables = {"GAGARIN_CONFIG": str(self.file), "GAGARIN_DATA": str(self.data)}
        return subprocess.run(
            [sys.executable, "-m", "gagarin.server.history", *arguments],
            input=given,
            capture_output=True,
            check=False,
            env={**os.environ, **variables},
        )

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """What it says."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return [msgspec.json.decode(line) for line in done.stdout.splitlines()]

    def store(self) -> SqliteStore:
        """The store of the chat server."""
        return SqliteStore(self.data, 10, quiet(), patience=0.0)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path, History(type="Persistent"))


async def chat(store: SqliteStore, owner: Owner, text: str) -> str:
    turn = await store.accept(owner, None, text)
    assert turn is not None
    async with store.lead(turn):
        await store.answer(turn, Answered("Good day."))
    return turn.conversation or ""


async def test_an_owner_is_shown_exported_and_erased_while_chats_go_on(pod: Pod) -> None:
    store = pod.store()
    await store.open()
    conversation = await chat(store, ANNA, "Hello")
    foreign = await chat(store, CUSTOMER, "for a customer")
    account = Account(ANNA, day_of(1e9), "small")
    await store.record([(account._replace(day=day_of(1.9e9)), Sums(1, 7, 3, Decimal("0.5")))])
    assert pod.lines("owners", ANNA.subject) == [ANNA._asdict(), CUSTOMER._asdict()]
    (exported,) = pod.lines("export", ANNA.subject, "--end-user", "")
    assert (exported["id"], exported["owner"]) == (conversation, ANNA._asdict())
    assert [message["content"] for message in exported["messages"]] == ["Hello", "Good day."]
    (used,) = pod.lines("usage", ANNA.subject)
    assert (used["model"], used["prompt_tokens"], used["cost"]) == ("small", 7, "0.5")
    assert pod.lines("erase", ANNA.subject, "--end-user", "") == [{"owner": ANNA._asdict(), "erased": 1}]
    assert pod.lines("owners", ANNA.subject) == [CUSTOMER._asdict()]
    assert await store.read(CUSTOMER, foreign, 1, None) is not None
    assert pod.lines("check") == [{"check": "ok"}]
    await store.close()


async def test_a_backup_made_while_chats_go_on_is_whole_and_can_be_restored(pod: Pod) -> None:
    store = pod.store()
    await store.open()
    conversation = await chat(store, ANNA, "Hello")
    backup = pod.run("backup")
    assert backup.returncode == 0
    await chat(store, ANNA, "after the backup")
    assert b"in use by another process" in pod.run("restore", given=backup.stdout).stderr
    await store.close()
    restored = pod.run("restore", given=backup.stdout)
    assert (restored.returncode, restored.stderr) == (0, b"")
    await store.open()
    assert [each.id for each in (await store.page(ANNA, 10, None)).conversations] == [conversation]
    await store.close()
    assert sorted(file.name for file in pod.data.iterdir()) == [FILE_NAME, "conversations.lock"]


async def test_what_is_no_whole_database_is_not_restored(pod: Pod) -> None:
    store = pod.store()
    await store.open()
    await chat(store, ANNA, "Hello")
    await store.close()
    whole = (pod.data / FILE_NAME).read_bytes()
    for given in (b"nonsense" * 1000, whole[: len(whole) // 2]):
        refused = pod.run("restore", given=given)
        assert refused.returncode == 1
        assert refused.stderr.startswith(b"gagarin.server.history: ")
        assert refused.stderr.count(b"\n") == 1
    assert (pod.data / FILE_NAME).read_bytes() == whole


def test_a_damaged_database_is_told(pod: Pod) -> None:
    with closing(sqlite3.connect(pod.data / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE numbers (a INTEGER)")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(10_000)])
        connection.execute("CREATE INDEX by_a ON numbers (a)")
        connection.commit()
    content = bytearray((pod.data / FILE_NAME).read_bytes())
    content[4096 * 4 : 4096 * 8] = b"\xff" * 4096 * 4
    (pod.data / FILE_NAME).write_bytes(content)
    done = pod.run("check")
    assert done.returncode == 1
    assert b"conversations.db" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_without_a_database_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    pod = Pod(tmp_path, History(type="None"))
    assert b"history.type is None" in pod.run("backup").stderr
    assert pod.lines("owners", "anna") == []
    assert pod.lines("check") == [{"check": "ok"}]


def test_a_database_that_is_not_there_is_not_made(pod: Pod) -> None:
    assert b"unable to open database file" in pod.run("backup").stderr
    assert list(pod.data.iterdir()) == []
