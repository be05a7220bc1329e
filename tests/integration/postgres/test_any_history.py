"""Whatever callers do, every store holds what a plain model of it holds."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history.export import parts
from gagarin.server.history.sqlite import SqliteStore
from gagarin.server.history.store import Store
from gagarin.server.turns import Idempotency
from gagarin.server.wire import Message
from gagarin.serving.errors import Problem
from tests.integration.postgres.database import Server, store_in
from tests.unit.server.auth.oracle import quiet

OWNERS = (Owner("iss", "anna", "u1"), Owner("iss", "anna", "u1", "customer"), Owner("iss", "boris", "u2"))
HISTORY = 3


class Ask(NamedTuple):
    """A message: to the conversation that was begun as number `which` (None: a new one), with one of two keys
    or none, answered or given up."""

    owner: Owner
    which: int | None
    text: str
    key: str | None
    answer: str | None


class Delete(NamedTuple):
    """One conversation, or all of them."""

    owner: Owner
    which: int | None


TEXTS = st.text(max_size=8)
WHICH = st.none() | st.integers(0, 2)
KEYS = st.none() | st.sampled_from("kl")
ASKS = st.builds(Ask, st.sampled_from(OWNERS), WHICH, TEXTS, KEYS, st.none() | TEXTS)
GOES_ON = st.builds(Ask, st.just(OWNERS[0]), st.just(0), TEXTS, st.none(), TEXTS)
DELETES = st.builds(Delete, st.sampled_from(OWNERS), WHICH)
BEGINS = st.builds(Ask, st.just(OWNERS[0]), st.none(), TEXTS, KEYS, TEXTS)
OPERATIONS = st.builds(
    lambda first, others: [first, *others],
    BEGINS,
    st.lists(st.one_of(ASKS, GOES_ON, GOES_ON, ASKS, DELETES), max_size=25),
)


class Model:
    """What should be there: conversations by id, each with its owner and its turns (question, answer)."""

    def __init__(self, nul: str) -> None:
        self.nul = nul  # what becomes of the character that PostgreSQL cannot keep
        self.begun: list[str] = []
        self.kept: dict[str, tuple[Owner, list[list[str | None]]]] = {}
        self.requests: dict[tuple[Owner, str, str], tuple[str, str, int]] = {}

    def name(self, which: int | None) -> str | None:
        if which is None:
            return None
        return self.begun[which] if which < len(self.begun) else f"00000000-0000-4000-8000-00000000000{which}"

    def stored(self, text: str | None) -> str | None:
        return None if text is None else text.replace("\0", self.nul)

    def past(self, conversation: str, turn: int) -> list[Message]:
        said = [
            (number, role, text)
            for number, pair in enumerate(self.kept[conversation][1][: turn - 1])
            for role, text in zip(("user", "assistant"), pair, strict=True)
            if text is not None
        ]
        shown = said[-HISTORY:]
        if shown and shown[0][1] == "assistant":
            shown = shown[1:]
        return [Message(role, text) for _, role, text in shown]

    def forget(self, conversation: str) -> None:
        del self.kept[conversation]
        self.requests = {key: made for key, made in self.requests.items() if made[1] != conversation}


async def ask(store: Store, model: Model, op: Ask) -> None:
    """Do it, and compare what came of it."""
    name = model.name(op.which)
    key = None if op.key is None else Idempotency(op.key, op.text.encode())
    request = (op.owner, name or "", op.key or "")
    known = model.requests.get(request) if op.key else None
    if known is not None and known[0] != op.text:
        with pytest.raises(Problem):
            await store.accept(op.owner, name, op.text, key)
        return
    turn = await store.accept(op.owner, name, op.text, key)
    if name is not None and (name not in model.kept or model.kept[name][0] != op.owner):
        assert turn is None
        return
    assert turn is not None
    assert turn.conversation is not None
    if known is not None:
        assert (turn.conversation, turn.number) == known[1:]
    else:
        if name is None:
            model.begun.append(turn.conversation)
            model.kept[turn.conversation] = (op.owner, [])
        turns = model.kept[turn.conversation][1]
        turns.append([model.stored(op.text), None])
        assert turn.number == len(turns)
        if op.key:
            model.requests[request] = (op.text, turn.conversation, turn.number)
    pair = model.kept[turn.conversation][1][turn.number - 1]
    async with store.lead(turn) as held:
        assert list(held.past) == model.past(turn.conversation, turn.number)
        assert (held.answer and held.answer.text) == pair[1]
        if held.answer is None and op.answer is not None:
            await store.answer(turn, Answered(op.answer))
            pair[1] = model.stored(op.answer)


async def delete(store: Store, model: Model, op: Delete) -> None:
    """Do it, and compare."""
    name = model.name(op.which)
    mine = [each for each, (owner, _) in model.kept.items() if owner == op.owner and name in (None, each)]
    if name is None:
        assert await store.erase(op.owner) == len(mine)
    else:
        assert await store.delete(op.owner, name) == bool(mine)
    for each in mine:
        model.forget(each)


async def check(store: Store, model: Model) -> None:
    """Everything that is kept, by the list and by the export."""
    for owner in OWNERS:
        wanted = {
            each: [text for pair in turns for text in pair if text is not None]
            for each, (whose, turns) in model.kept.items()
            if whose == owner
        }
        exported = {
            part.id: [message.content for message in part.messages] async for part in parts(store, owner)
        }
        assert exported == wanted
        listed, before = [], None
        while True:
            page = await store.page(owner, 2, before)
            listed += [each.id for each in page.conversations]
            before = page.before
            if before is None:
                break
        assert sorted(listed) == sorted(wanted)


async def live(store: Store, operations: list[Ask | Delete], nul: str) -> None:
    """One history from its beginning to its end."""
    await store.open()
    model = Model(nul)
    for operation in operations:
        if isinstance(operation, Ask):
            await ask(store, model, operation)
        else:
            await delete(store, model, operation)
    await check(store, model)
    for owner in OWNERS:
        await store.erase(owner)
    await store.close()


@given(OPERATIONS)
@settings(max_examples=60, deadline=None)
def test_sqlite_holds_what_the_model_holds(operations: list[Ask | Delete]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(SqliteStore(Path(folder), HISTORY, quiet()), operations, "\0"))


@given(OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_postgres_holds_what_the_model_holds(
    running: Server, tmp_path: Path, operations: list[Ask | Delete]
) -> None:
    store = store_in(tmp_path, running.url, "team-c/any-history", HISTORY)
    asyncio.run(live(store, operations, "\ufffd"))
