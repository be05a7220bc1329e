"""Conversations in SQLite: accepted is kept, owners are apart, pages go on where they ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gagarin.server.auth.identity import Owner
from gagarin.server.errors import StartError
from gagarin.server.history import database
from gagarin.server.history.database import Database, migrate
from gagarin.server.history.store import Turn
from gagarin.server.wire import Message
from tests.unit.server.clock import Clock

ANNA = Owner("iss", "anna", "u1")
OTHERS = [
    Owner("iss", "boris", "u1"),
    Owner("iss", "anna", "u2"),
    Owner("other", "anna", "u1"),
    Owner("iss", "anna", "u1", "a customer"),
]


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def db(tmp_path: Path, clock: Clock) -> Iterator[Database]:
    opened = Database(tmp_path / "c.db", 4, clock)
    yield opened
    opened.close()


def begin(db: Database, text: str = "Hello", owner: Owner = ANNA) -> Turn:
    turn = db.accept(owner, None, text)
    assert turn is not None
    return turn


def go_on(db: Database, conversation: str | None, text: str, owner: Owner = ANNA) -> Turn:
    turn = db.accept(owner, conversation, text)
    assert turn is not None
    return turn


def contents(db: Database, conversation: str | None) -> list[tuple[int, str, str]]:
    found = db.read(ANNA, conversation or "", 100, None)
    assert found is not None
    return [(each.turn, each.role, each.content) for each in found.messages]


def test_a_new_conversation_has_no_past(db: Database) -> None:
    turn = begin(db)
    assert (turn.number, turn.past) == (1, [])
    assert begin(db).conversation != turn.conversation


def test_a_turn_is_given_what_was_said_before(db: Database) -> None:
    first = begin(db, "one")
    db.answer(first, "two")
    second = go_on(db, first.conversation, "three")
    assert (second.number, second.past) == (2, [Message("user", "one"), Message("assistant", "two")])


def test_only_the_newest_messages_are_given(db: Database) -> None:
    turn = begin(db, "q1")
    for number in range(2, 6):
        db.answer(turn, f"a{turn.number}")
        turn = go_on(db, turn.conversation, f"q{number}")
    assert [message.content for message in turn.past] == ["q3", "a3", "q4", "a4"]


def test_a_question_without_an_answer_stays(db: Database) -> None:
    turn = begin(db, "one")
    second = go_on(db, turn.conversation, "two")
    assert second.past == [Message("user", "one")]
    assert contents(db, turn.conversation) == [(1, "user", "one"), (2, "user", "two")]


def test_answers_take_the_place_of_their_question(db: Database) -> None:
    first = begin(db, "one")
    second = go_on(db, first.conversation, "two")
    db.answer(first, "answer one")
    assert db.past(second) == [Message("user", "one"), Message("assistant", "answer one")]
    db.answer(second, "answer two")
    assert [content for _, _, content in contents(db, first.conversation)] == [
        "one",
        "answer one",
        "two",
        "answer two",
    ]


@pytest.mark.parametrize("other", OTHERS)
def test_to_everyone_else_a_conversation_does_not_exist(db: Database, other: Owner) -> None:
    conversation = begin(db).conversation or ""
    assert db.accept(other, conversation, "mine now") is None
    assert db.read(other, conversation, 10, None) is None
    assert not db.delete(other, conversation)
    assert db.page(other, 10, None).conversations == []
    assert contents(db, conversation) == [(1, "user", "Hello")]


def test_an_unknown_conversation_is_nothing(db: Database) -> None:
    assert db.accept(ANNA, "none", "Hello") is None
    assert db.read(ANNA, "none", 10, None) is None
    assert not db.delete(ANNA, "none")


def test_a_deleted_conversation_is_gone_and_its_answer_with_it(db: Database) -> None:
    turn = begin(db)
    assert db.delete(ANNA, turn.conversation or "")
    db.answer(turn, "too late")
    assert db.read(ANNA, turn.conversation or "", 10, None) is None
    assert db._connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)


def test_the_list_is_newest_first_and_goes_on_where_it_ended(db: Database, clock: Clock) -> None:
    made = []
    for number in range(5):
        clock.seconds += number % 2  # some at the same moment
        made.append(begin(db).conversation)
    seen: list[str] = []
    before = None
    while True:
        page = db.page(ANNA, 2, before)
        seen += [each.id for each in page.conversations]
        before = page.before
        if before is None:
            break
    assert sorted(seen) == sorted(each for each in made if each)
    assert set(seen[:2]) == set(made[3:])


def test_an_answered_conversation_comes_first(db: Database, clock: Clock) -> None:
    old, new = begin(db), begin(db)
    clock.seconds += 1
    db.answer(old, "at last")
    first = db.page(ANNA, 10, None).conversations[0]
    assert (first.id, first.turns) == (old.conversation, 1)
    assert (first.created_at, first.updated_at) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.000Z")
    assert new.conversation != old.conversation


@pytest.mark.parametrize("before", ["", "x", "x,y", ","])
def test_a_place_in_the_list_that_nobody_gave_is_refused(db: Database, before: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        db.page(ANNA, 10, before)


def test_a_long_conversation_is_read_from_its_end(db: Database) -> None:
    turn = begin(db, "q1")
    for number in range(2, 6):
        turn = go_on(db, turn.conversation, f"q{number}")
    newest = db.read(ANNA, turn.conversation or "", 2, None)
    assert newest is not None
    assert ([each.content for each in newest.messages], newest.before) == (["q4", "q5"], 4)
    earlier = db.read(ANNA, turn.conversation or "", 3, newest.before)
    assert earlier is not None
    assert ([each.content for each in earlier.messages], earlier.before) == (["q1", "q2", "q3"], None)
    beyond = db.read(ANNA, turn.conversation or "", 10, 1000)
    assert beyond is not None
    assert len(beyond.messages) == 5


def test_what_was_accepted_is_there_after_the_connection_was_lost(tmp_path: Path, clock: Clock) -> None:
    lost = Database(tmp_path / "lost.db", 4, clock)
    turn = begin(lost, "Do not lose me")
    again = Database(tmp_path / "lost.db", 4, clock)
    assert contents(again, turn.conversation) == [(1, "user", "Do not lose me")]
    again.close()
    lost.close()


def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    turn = begin(db)
    db._connection.execute("DROP TABLE messages")
    with pytest.raises(sqlite3.OperationalError):
        db.accept(ANNA, turn.conversation, "two")
    assert db._connection.execute("SELECT turns FROM conversations").fetchone() == (1,)
    assert not db._connection.in_transaction


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a TEXT);")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, tmp_path)
    (tmp_path / "0002_two.sql").write_text("ALTER TABLE one ADD COLUMN b TEXT;")
    migrate(connection, tmp_path)
    migrate(connection, tmp_path)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_broken_migration_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a TEXT); NONSENSE;")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, tmp_path)
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    connection.close()


def test_a_database_of_a_newer_server_is_not_touched(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "new.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(StartError, match="schema 9999"):
        Database(tmp_path / "new.db", 4)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StartError, match=r"c\.db"):
        Database(tmp_path / "c.db", 4)
    with pytest.raises(StartError, match="none"):
        Database(tmp_path / "none" / "c.db", 4)


def test_every_migration_is_numbered_without_a_gap() -> None:
    numbers = [int(file.name[:4]) for file in sorted(database.MIGRATIONS.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
