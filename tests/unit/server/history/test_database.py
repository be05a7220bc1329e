"""Conversations in SQLite: accepted is kept, owners are apart, pages go on where they ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gagarin.server.accounts import Account, Sums
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history import migrations
from gagarin.server.history.database import Database, migrate
from gagarin.server.history.store import Turn
from gagarin.server.turns import Idempotency
from gagarin.server.wire import Message
from gagarin.serving.errors import StartError
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


def past_of(turn: Turn) -> list[Message]:
    assert turn.known is not None
    return list(turn.known.past)


def contents(db: Database, conversation: str | None) -> list[tuple[int, str, str]]:
    found = db.read(ANNA, conversation or "", 100, None)
    assert found is not None
    return [(each.turn, each.role, each.content) for each in found.messages]


def test_a_new_conversation_has_no_past(db: Database) -> None:
    turn = begin(db)
    assert (turn.number, past_of(turn)) == (1, [])
    assert begin(db).conversation != turn.conversation


def test_a_turn_is_given_what_was_said_before(db: Database) -> None:
    first = begin(db, "one")
    db.answer(first, Answered("two"))
    second = go_on(db, first.conversation, "three")
    assert (second.number, past_of(second)) == (2, [Message("user", "one"), Message("assistant", "two")])


def test_only_the_newest_messages_are_given(db: Database) -> None:
    turn = begin(db, "q1")
    for number in range(2, 6):
        db.answer(turn, Answered(f"a{turn.number}"))
        turn = go_on(db, turn.conversation, f"q{number}")
    assert [message.content for message in past_of(turn)] == ["q3", "a3", "q4", "a4"]


def test_a_question_without_an_answer_stays(db: Database) -> None:
    turn = begin(db, "one")
    second = go_on(db, turn.conversation, "two")
    assert past_of(second) == [Message("user", "one")]
    assert contents(db, turn.conversation) == [(1, "user", "one"), (2, "user", "two")]


def test_answers_take_the_place_of_their_question(db: Database) -> None:
    first = begin(db, "one")
    second = go_on(db, first.conversation, "two")
    db.answer(first, Answered("answer one"))
    assert list(db.held(second).past) == [Message("user", "one"), Message("assistant", "answer one")]
    db.answer(second, Answered("answer two"))
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
    db.answer(turn, Answered("too late"))
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
    db.answer(old, Answered("at last"))
    first = db.page(ANNA, 10, None).conversations[0]
    assert (first.id, first.turns) == (old.conversation, 1)
    assert (first.created_at, first.updated_at) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.000Z")
    assert new.conversation != old.conversation


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


@pytest.mark.parametrize("folder", [migrations.SQLITE, migrations.POSTGRES])
def test_every_migration_is_numbered_without_a_gap(folder: Path) -> None:
    numbers = [int(file.name[:4]) for file in sorted(folder.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    first = migrations.steps(migrations.SQLITE)[1]
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript(f"{first.read_text()}\nPRAGMA user_version = 1;")
    connection.execute("INSERT INTO conversations VALUES ('c', 'iss', 'anna', 'u1', '', 1.0, 2.0, 1)")
    connection.execute("INSERT INTO messages VALUES ('c', 1, 0, 'user', 'Hello', 1.0)")
    connection.execute("INSERT INTO messages VALUES ('c', 1, 1, 'assistant', 'Good day.', 2.0)")
    connection.commit()
    connection.close()
    db = Database(tmp_path / "old.db", 4)
    assert contents(db, "c") == [(1, "user", "Hello"), (1, "assistant", "Good day.")]
    assert past_of(go_on(db, "c", "And now?")) == [
        Message("user", "Hello"),
        Message("assistant", "Good day."),
    ]
    db.close()


def test_what_is_old_is_deleted_a_few_at_a_time(db: Database, clock: Clock) -> None:
    db.index_age(wanted=True)
    for _ in range(3):
        begin(db)
    kept = begin(db)
    db.record([(Account(ANNA, int(clock() // 86_400), "m"), Sums(1, 2, 3))])
    clock.seconds += 100
    go_on(db, kept.conversation, "still here")
    assert [db.expire(50, 2) for _ in range(3)] == [2, 1, 0]
    db.index_age(wanted=False)
    assert db.expire(None, 2) == 0
    assert [each.id for each in db.page(ANNA, 10, None).conversations] == [kept.conversation]
    clock.seconds += 101 * 86_400
    db.expire(None, 2)
    assert db.usage(ANNA, 0) == []


def test_a_key_is_forgotten_after_a_day(db: Database, clock: Clock) -> None:
    key = Idempotency("k", b"d")
    first = db.accept(ANNA, None, "Hello", key)
    clock.seconds += 86_399
    again = db.accept(ANNA, None, "Hello", key)
    clock.seconds += 1
    later = db.accept(ANNA, None, "Hello", key)
    assert first
    assert again
    assert later
    assert first.conversation == again.conversation != later.conversation
    clock.seconds += 86_400
    assert db.expire(None, 10) == 1
    assert db._connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_a_full_disk_refuses_what_is_new_and_keeps_what_there_is(db: Database) -> None:
    turn = begin(db)
    pages = db._connection.execute("PRAGMA page_count").fetchone()[0]
    db._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        begin(db, "x" * 100_000)
    assert contents(db, turn.conversation) == [(1, "user", "Hello")]
    db._connection.execute("PRAGMA max_page_count = 100000")
    begin(db, "x" * 100_000)
