"""Replicas on one PostgreSQL: death, lost connections, new passwords, and neighbours in the same database."""

from __future__ import annotations

import asyncio
import signal
import sys
import uuid
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history import leases, migrations, pool, schema
from gagarin.server.history.postgres import PostgresStore
from gagarin.server.history.store import Turn
from gagarin.server.turns import Idempotency
from gagarin.server.wire import Message
from gagarin.serving.errors import StartError
from tests.integration.postgres.database import Server, pool_in, store_in, write_url
from tests.integration.postgres.wire import Wire
from tests.unit.server.auth.oracle import quiet
from tests.unit.server.waiting import until

ANNA = Owner("iss", "anna", "u1")
KEY = Idempotency("once", b"d" * 32)
VICTIM = Path(__file__).with_name("victim.py")


async def ask(
    store: PostgresStore, text: str, conversation: str | None = None, key: Idempotency | None = None
) -> Turn:
    turn = await store.accept(ANNA, conversation, text, key)
    assert turn is not None
    return turn


async def chat(store: PostgresStore, text: str, conversation: str | None = None) -> str:
    turn = await ask(store, text, conversation)
    async with store.lead(turn):
        await store.answer(turn, Answered(f"answer to {text}"))
    return turn.conversation or ""


async def contents(store: PostgresStore, conversation: str) -> list[str]:
    found = await store.read(ANNA, conversation, 100, None)
    assert found is not None
    return [message.content for message in found.messages]


async def test_a_turn_waits_for_one_of_another_replica(store: PostgresStore, other: PostgresStore) -> None:
    first = await ask(store, "one")
    second = await ask(other, "two", first.conversation)
    async with store.lead(first):
        waiting = asyncio.create_task(_past(other, second))
        await _looked(other)
        assert not waiting.done()
        await store.answer(first, Answered("answer"))
    assert [message.content for message in await waiting] == ["one", "answer"]


async def _past(store: PostgresStore, turn: Turn) -> list[Message]:
    async with store.lead(turn) as held:
        return list(held.past)


async def _looked(store: PostgresStore) -> None:
    """Somebody waits in this replica."""

    async def waits() -> bool:
        return bool(store._leases._waiting)

    await until(waits)


async def test_a_repeat_at_another_replica_gets_the_answer_that_is_being_made(
    store: PostgresStore, other: PostgresStore
) -> None:
    first = await ask(store, "one", key=KEY)
    async with store.lead(first):
        again = await ask(other, "one", key=KEY)
        waiting = asyncio.create_task(_answer(other, again))
        await _looked(other)
        await store.answer(first, Answered("answer"))
    assert await waiting == Answered("answer")


async def _answer(store: PostgresStore, turn: Turn) -> Answered | None:
    async with store.lead(turn) as held:
        return held.answer


async def test_when_a_replica_is_killed_who_waits_goes_on_within_seconds(
    server: Server, store: PostgresStore, tmp_path: Path
) -> None:
    victim = await asyncio.create_subprocess_exec(
        sys.executable, str(VICTIM), str(tmp_path), server.url, stdout=PIPE
    )
    assert victim.stdout is not None
    async with asyncio.timeout(30):
        conversation = (await victim.stdout.readline()).decode().strip()
    waiting = asyncio.create_task(_past(store, await ask(store, "and I?", conversation)))
    again = asyncio.create_task(_past(store, await ask(store, "Hello", key=KEY)))
    await _looked(store)
    victim.send_signal(signal.SIGKILL)
    assert await victim.wait() == -signal.SIGKILL
    async with asyncio.timeout(leases.ALIVE_SECONDS + 5):
        assert [message.content for message in await waiting] == ["Hello"]
        assert await again == []


async def test_a_replica_that_ends_well_is_not_waited_for(store: PostgresStore, other: PostgresStore) -> None:
    left = await ask(other, "one")
    turn = await ask(store, "two", left.conversation)
    await other.close()
    async with asyncio.timeout(leases.ALIVE_SECONDS / 2):
        assert [message.content for message in await _past(store, turn)] == ["one"]


async def test_a_place_whose_outcome_was_lost_is_given_up(
    store: PostgresStore, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "STRAY_SECONDS", 0.0)
    conversation = await chat(store, "one")
    led = await ask(store, "two", conversation)
    replica = store._leases.replica
    server.sql(f"INSERT INTO gagarin.leases VALUES ('{conversation}', 1, 1, '{replica}', gen_random_uuid())")
    await store._leases._release_strays()
    async with store.lead(led):
        assert server.sql("SELECT place FROM gagarin.leases") == [(2,)]


async def test_an_answer_that_is_kept_although_its_connection_was_cut(server: Server, tmp_path: Path) -> None:
    async with Wire(server.port) as wire:
        store = store_in(tmp_path, server.url.replace(str(server.port), str(wire.port)))
        await store.open()
        conversation = await chat(store, "one")
        for number in range(5):
            turn = await ask(store, f"q{number}", conversation)
            async with store.lead(turn):
                wire.cut()
                await store.answer(turn, Answered(f"a{number}"))
        wire.cut()
        turn = await ask(store, "two")
        async with store.lead(turn):
            await store.answer(turn, Answered("whole"))
        assert await contents(store, turn.conversation or "") == ["two", "whole"]
        assert (await contents(store, conversation))[2:] == [
            text for number in range(5) for text in (f"q{number}", f"a{number}")
        ]
        await store.close()


async def test_connections_that_break_all_the_time_lose_nothing_that_was_accepted(
    server: Server, tmp_path: Path
) -> None:
    async with Wire(server.port) as wire:
        store = store_in(tmp_path, server.url.replace(str(server.port), str(wire.port)))
        await store.open()
        accepted: dict[str, str] = {}
        refused = 0
        for number in range(60):
            cutting = asyncio.get_running_loop().call_later(0.0005 * (number % 12), wire.cut)
            try:
                turn = await ask(store, f"q{number}", key=Idempotency(str(number), b"d" * 32))
            except HistoryUnavailable:
                refused += 1
            else:
                accepted[turn.conversation or ""] = f"q{number}"
                async with store.lead(turn):
                    pass
            cutting.cancel()
        await store.close()
    rows = server.sql(
        "SELECT conversation::text, content FROM gagarin.messages "
        "JOIN gagarin.conversations ON id = conversation WHERE step = 0"
    )
    kept = {row[0]: row[1] for row in rows}
    assert accepted.items() <= kept.items()
    assert len(rows) <= len(accepted) + refused
    assert len(accepted) > 30


async def test_a_database_that_restarts_is_waited_for(server: Server, store: PostgresStore) -> None:
    conversation = await chat(store, "one")
    await asyncio.to_thread(server.kill)
    asking = asyncio.create_task(chat(store, "two", conversation))
    await asyncio.sleep(0)
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(20):
        try:
            await asking
        except HistoryUnavailable:  # it broke in the middle of the question: nobody can know
            await chat(store, "two", conversation)
    assert (await contents(store, conversation))[:2] == ["one", "answer to one"]
    assert (await contents(store, conversation))[-2:] == ["two", "answer to two"]


async def test_a_database_that_stays_away_is_an_error_after_some_seconds(
    server: Server, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.2)
    await asyncio.to_thread(server.stop)
    try:
        with pytest.raises(HistoryUnavailable, match="Error"):
            await ask(store, "one")
    finally:
        await asyncio.to_thread(server.start)
    await chat(store, "two")


async def test_a_new_password_is_used_once_it_is_in_the_file(
    server: Server, store: PostgresStore, tmp_path: Path
) -> None:
    conversation = await chat(store, "one")
    server.change_password("second")
    write_url(tmp_path, server.url)
    try:
        await chat(store, "two", conversation)
    finally:
        server.change_password("first")
    write_url(tmp_path, server.url)
    await chat(store, "three", conversation)
    assert len(await contents(store, conversation)) == 6


async def test_a_connection_that_was_told_to_end_and_has_not_ended_is_not_used(
    server: Server, tmp_path: Path
) -> None:
    async with Wire(server.port, holding=True) as wire:
        connections = pool_in(tmp_path, server.url.replace(str(server.port), str(wire.port)))
        try:
            assert await connections.row("SELECT 1") == (1,)
            server.end_connections()
            await wire.ended.wait()
            assert await connections.row("SELECT 2", again=True) == (2,)
        finally:
            wire.cut()
            await connections.close()


async def test_a_password_that_is_refused_is_an_error_and_is_told_nowhere(
    server: Server, tmp_path: Path
) -> None:
    store = store_in(tmp_path, server.url.replace("first", "not-the-password"))
    with pytest.raises(StartError, match=r"history\.postgres") as caught:
        await store.open()
    assert "not-the-password" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "mysql://x:secret@h/d", "postgresql://a:secret@127.0.0.1:1/x", "secret"])
async def test_a_url_that_leads_nowhere_keeps_the_server_from_starting(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.2)
    store = store_in(tmp_path, url)
    with pytest.raises(StartError, match=r"history\.postgres") as caught:
        await store.open()
    assert "secret" not in str(caught.value)


async def test_instances_in_one_database_do_not_see_each_other(
    server: Server, store: PostgresStore, tmp_path: Path
) -> None:
    neighbour = store_in(tmp_path, server.url, "team-b/helper")
    await neighbour.open()
    conversation = await chat(store, "one")
    assert await neighbour.accept(ANNA, conversation, "mine?") is None
    assert await neighbour.read(ANNA, conversation, 10, None) is None
    assert not await neighbour.delete(ANNA, conversation)
    assert await neighbour.erase(ANNA) == 0
    assert await neighbour.owners("anna") == []
    assert (await neighbour.page(ANNA, 10, None)).conversations == []
    await neighbour.close()


async def test_replicas_that_start_together_migrate_once(server: Server, tmp_path: Path) -> None:
    stores = [store_in(tmp_path, server.url) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    steps = len(migrations.steps(migrations.POSTGRES))
    assert server.sql("SELECT count(*) FROM gagarin.migrations") == [(steps,)]
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_migration_that_fails_changes_nothing_and_a_newer_one_is_left_alone(
    server: Server, store: PostgresStore, tmp_path: Path
) -> None:
    (tmp_path / "0002_good.sql").write_text("ALTER TABLE gagarin.usage ADD COLUMN more integer")
    (tmp_path / "0003_bad.sql").write_text("NONSENSE")
    connections = pool_in(tmp_path, server.url)
    with pytest.raises(HistoryUnavailable, match="NONSENSE"):
        await schema.migrate(connections, tmp_path)
    assert server.sql("SELECT max(number) FROM gagarin.migrations") == [(1,)]
    (tmp_path / "0003_bad.sql").unlink()
    await schema.migrate(connections, tmp_path)
    await schema.migrate(connections)
    assert server.sql("SELECT max(number) FROM gagarin.migrations") == [(2,)]
    await chat(store, "one")
    await connections.close()


async def test_a_role_that_may_only_use_the_schema_is_enough(server: Server, tmp_path: Path) -> None:
    server.sql("CREATE SCHEMA gagarin")
    server.sql("DROP ROLE IF EXISTS small")
    server.sql("CREATE ROLE small LOGIN PASSWORD 'small'")
    server.sql("GRANT USAGE, CREATE ON SCHEMA gagarin TO small")
    store = store_in(tmp_path, server.url.replace("gagarin:first", "small:small"))
    await store.open()
    await chat(store, "one")
    await store.close()
    server.sql("DROP OWNED BY small")
    server.sql("DROP ROLE small")


async def test_a_dump_can_be_restored(server: Server, store: PostgresStore, tmp_path: Path) -> None:
    conversation = await chat(store, "one")
    dump = f"--file={tmp_path / 'agents.dump'}"
    await asyncio.to_thread(server.program, "pg_dump", "--schema=gagarin", "--format=custom", dump)
    await store.close()
    server.sql("DROP SCHEMA gagarin CASCADE")
    await asyncio.to_thread(server.program, "pg_restore", str(tmp_path / "agents.dump"))
    await store.open()
    assert await contents(store, conversation) == ["one", "answer to one"]
    await chat(store, "two", conversation)


async def test_one_who_goes_away_while_asking_blocks_nobody(
    store: PostgresStore, other: PostgresStore
) -> None:
    conversation = await chat(store, "one")
    for _ in range(10):
        asking = asyncio.create_task(ask(store, "never mind", conversation))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    async with asyncio.timeout(leases.ALIVE_SECONDS / 2):
        await chat(other, "two", conversation)


async def test_what_is_old_is_deleted(server: Server, tmp_path: Path) -> None:
    now = 1_700_000_000.0
    store = PostgresStore(
        pool_in(tmp_path, server.url), "team-a/helper", 10, quiet(), keep_for=60.0, now=lambda: now
    )
    await store.open()
    old = await chat(store, "old")
    keyed = await ask(store, "with a key", key=KEY)
    async with store.lead(keyed):
        pass
    server.sql(f"INSERT INTO gagarin.leases VALUES ('{old}', 9, 9, '{uuid.uuid4()}', gen_random_uuid())")
    now += 50
    await chat(store, "kept alive", keyed.conversation)
    now += 20
    assert await store._expire(100) == 1
    assert await store.read(ANNA, old, 1, None) is None
    assert server.sql("SELECT count(*) FROM gagarin.leases") == [(0,)]
    now += 86_400
    assert await store._expire(100) >= 1
    assert server.sql("SELECT count(*) FROM gagarin.requests") == [(0,)]
    await store.close()


TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


async def test_the_servers_certificate_is_checked_if_the_url_says_so(server: Server, tmp_path: Path) -> None:
    address = server.url.replace("127.0.0.1", "localhost").replace("disable", "verify-full")
    trusting = pool_in(tmp_path, address, server.certificate)
    assert await trusting.fetch(TLS) == [(True,)]
    await trusting.close()
    for url, trusted in (
        (address, None),
        (server.url.replace("disable", "verify-full"), server.certificate),  # another name than in the URL
    ):
        careful = pool_in(tmp_path, url, trusted)
        with pytest.raises(HistoryUnavailable, match="certificate verify failed"):
            await careful.fetch(TLS)
        await careful.close()


@pytest.mark.parametrize(
    ("query", "checked"),
    [
        ("", None),
        ("?sslmode=require", None),
        ("?sslmode=verify-ca", False),
        ("?sslmode=verify-full", True),
        ("?sslmode=verify-full&sslrootcert=/a/file", None),
    ],
)
def test_only_what_the_url_leaves_open_is_decided_for_it(query: str, checked: bool | None) -> None:
    context = pool.tls_of(f"postgresql://a:b@c/d{query}", None)
    assert (context and context.check_hostname) == checked
