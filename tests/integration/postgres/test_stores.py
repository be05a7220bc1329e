"""What every store promises, asked of each of them: SQLite in a folder, and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gagarin.server.answers import Answered, SourceUse, ToolUse
from gagarin.server.auth.identity import Owner
from gagarin.server.history.export import parts
from gagarin.server.history.sqlite import SqliteStore
from gagarin.server.history.store import Store, Turn
from gagarin.server.turns import Idempotency
from gagarin.server.wire import Message, Usage
from gagarin.serving.errors import Problem
from tests.integration.postgres.database import Server, store_in
from tests.unit.server.auth.oracle import quiet
from tests.unit.server.waiting import happens

ANNA = Owner("iss", "system:serviceaccount:team-a:anna", "u1")
OTHERS = [
    ANNA._replace(subject="boris"),
    ANNA._replace(uid="u2"),
    ANNA._replace(issuer="other"),
    ANNA._replace(end_user="a customer"),
]
KEY = Idempotency("once", b"d" * 32)
WHOLE = Answered(
    "Good day.",
    Usage(7, 3, 10),
    "small",
    (ToolUse("search", "ok"),),
    (SourceUse("docs", "Title", "https://docs.example/a"),),
    "length",
)


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path, 4, quiet())
    else:
        server: Server = request.getfixturevalue("server")
        opened = store_in(tmp_path, server.url, history=4)
    await opened.open()
    yield opened
    await opened.close()


async def ask(
    store: Store, text: str, conversation: str | None = None, key: Idempotency | None = None
) -> Turn:
    turn = await store.accept(ANNA, conversation, text, key)
    assert turn is not None
    return turn


async def answered(store: Store, turn: Turn, answer: str) -> list[Message]:
    """Answer the turn; the past that it was given."""
    async with store.lead(turn) as held:
        await store.answer(turn, Answered(answer))
    return list(held.past)


async def chat(store: Store, text: str, answer: str, conversation: str | None = None) -> str:
    turn = await ask(store, text, conversation)
    await answered(store, turn, answer)
    return turn.conversation or ""


async def contents(store: Store, conversation: str | None) -> list[str]:
    found = await store.read(ANNA, conversation or "", 100, None)
    assert found is not None
    return [message.content for message in found.messages]


class Leading:
    """A turn that is being answered until `finish`."""

    def __init__(self, store: Store, turn: Turn, answer: Answered | None) -> None:
        self.leads = asyncio.Event()
        self._may_end = asyncio.Event()
        self.held: list[Message] = []
        self.found: Answered | None = None
        self.task = asyncio.create_task(self._lead(store, turn, answer))

    async def finish(self) -> None:
        self._may_end.set()
        await self.task

    async def _lead(self, store: Store, turn: Turn, answer: Answered | None) -> None:
        async with store.lead(turn) as held:
            self.held, self.found = list(held.past), held.answer
            self.leads.set()
            await self._may_end.wait()
            if answer is not None and held.answer is None:
                await store.answer(turn, answer)


async def test_a_turn_is_given_what_was_said_before(store: Store) -> None:
    turn = await ask(store, "one")
    assert (turn.number, await answered(store, turn, "two")) == (1, [])
    second = await ask(store, "three", turn.conversation)
    assert second.number == 2
    assert await answered(store, second, "four") == [Message("user", "one"), Message("assistant", "two")]
    assert await contents(store, turn.conversation) == ["one", "two", "three", "four"]


async def test_of_a_long_past_the_newest_turns_are_given_and_none_in_part(store: Store) -> None:
    conversation = await chat(store, "q1", "a1")
    await chat(store, "q2", "a2", conversation)
    unanswered = await ask(store, "q3", conversation)
    async with store.lead(unanswered):
        pass
    past = await answered(store, await ask(store, "q4", conversation), "a4")
    assert [message.content for message in past] == ["q2", "a2", "q3"]  # a1 would be the fourth


async def test_what_is_known_of_an_answer_is_kept_with_it(store: Store) -> None:
    turn = await ask(store, "Hello", key=KEY)
    async with store.lead(turn):
        await store.answer(turn, WHOLE)
    found = await store.read(ANNA, turn.conversation or "", 10, None)
    assert found is not None
    kept = found.messages[1]
    assert (kept.content, kept.usage, kept.model, kept.finish) == (
        "Good day.",
        WHOLE.usage,
        "small",
        "length",
    )
    assert (kept.tools, kept.sources) == (WHOLE.tools, WHOLE.sources)
    async with store.lead(await ask(store, "Hello", key=KEY)) as held:
        assert held.answer == WHOLE


@pytest.mark.parametrize("other", OTHERS)
async def test_to_everyone_else_a_conversation_does_not_exist(store: Store, other: Owner) -> None:
    conversation = await chat(store, "Hello", "Good day.")
    assert await store.accept(other, conversation, "mine now") is None
    assert await store.accept(other, conversation, "mine now", KEY) is None
    assert await store.read(other, conversation, 10, None) is None
    assert not await store.delete(other, conversation)
    assert await store.erase(other) == 0
    assert (await store.page(other, 10, None)).conversations == []
    assert not await store.ids(other, "", 10)
    assert await contents(store, conversation) == ["Hello", "Good day."]


@pytest.mark.parametrize("name", ["none", "", "{12345678-1234-5678-1234-567812345678}", "\0", "1" * 32])
async def test_an_unknown_conversation_is_nothing(store: Store, name: str) -> None:
    assert await store.accept(ANNA, name, "Hello") is None
    assert await store.accept(ANNA, name, "Hello", KEY) is None
    assert await store.read(ANNA, name, 10, None) is None
    assert not await store.delete(ANNA, name)


async def test_a_deleted_conversation_is_gone_and_its_answer_with_it(store: Store) -> None:
    turn = await ask(store, "Hello", key=KEY)
    async with store.lead(turn):
        assert await store.delete(ANNA, turn.conversation or "")
        await store.answer(turn, WHOLE)
    assert await store.read(ANNA, turn.conversation or "", 10, None) is None
    again = await ask(store, "Hello", key=KEY)
    assert again.conversation != turn.conversation


async def test_one_who_waits_for_a_deleted_conversation_goes_on(store: Store) -> None:
    first = await ask(store, "one")
    leading = Leading(store, first, WHOLE)
    await leading.leads.wait()
    waiting = Leading(store, await ask(store, "two", first.conversation), WHOLE)
    await store.delete(ANNA, first.conversation or "")
    await leading.finish()
    await happens(waiting.leads, 30)
    await waiting.finish()


async def test_turns_are_answered_one_at_a_time_in_the_order_in_which_they_were_accepted(
    store: Store,
) -> None:
    first = await ask(store, "q1")
    second = await ask(store, "q2", first.conversation)
    third = await ask(store, "q3", first.conversation)
    order: list[int] = []

    async def take(turn: Turn) -> list[Message]:
        async with store.lead(turn) as held:
            order.append(turn.number)
            await asyncio.sleep(0)
            await store.answer(turn, Answered(f"a{turn.number}"))
            order.append(-turn.number)
        return list(held.past)

    pasts = await asyncio.gather(take(third), take(second), take(first))
    assert order == [1, -1, 2, -2, 3, -3]
    assert [message.content for message in pasts[0]] == ["q1", "a1", "q2", "a2"]


async def test_a_turn_that_is_given_up_lets_the_next_one_go_on(store: Store) -> None:
    first = await ask(store, "one")
    second = await ask(store, "two", first.conversation)
    leading = Leading(store, first, None)
    waiting = Leading(store, second, WHOLE)
    await leading.leads.wait()
    assert not waiting.leads.is_set()
    await leading.finish()
    await happens(waiting.leads, 30)
    assert waiting.held == [Message("user", "one")]
    await waiting.finish()


@pytest.mark.parametrize("leads", [True, False])
async def test_one_who_goes_away_leaves_the_line(store: Store, *, leads: bool) -> None:
    first = await ask(store, "one")
    second = await ask(store, "two", first.conversation)
    leading = Leading(store, first, None)
    await leading.leads.wait()
    waiting = Leading(store, second, None)
    gone, stays = (leading, waiting) if leads else (waiting, leading)
    await asyncio.sleep(0)
    gone.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone.task
    await stays.finish()
    third = await ask(store, "three", first.conversation)
    async with asyncio.timeout(30):
        await answered(store, third, "here")


async def test_conversations_do_not_wait_for_each_other(store: Store) -> None:
    leading = Leading(store, await ask(store, "one"), WHOLE)
    await leading.leads.wait()
    async with asyncio.timeout(30):
        await chat(store, "another", "answer")
    await leading.finish()


async def test_a_repeated_request_gets_the_first_answer(store: Store) -> None:
    first = await ask(store, "Hello", key=KEY)
    await answered(store, first, "Good day.")
    again = await ask(store, "Hello", key=KEY)
    assert (again.conversation, again.number) == (first.conversation, 1)
    async with store.lead(again) as held:
        assert held.answer == Answered("Good day.")
    assert await contents(store, first.conversation) == ["Hello", "Good day."]


async def test_a_repeated_request_waits_for_the_first_answer_while_it_is_being_made(store: Store) -> None:
    conversation = await chat(store, "q1", "a1")
    first = await ask(store, "q2", conversation, KEY)
    leading = Leading(store, first, Answered("a2"))
    await leading.leads.wait()
    repeats = [Leading(store, await ask(store, "q2", conversation, KEY), Answered("never")) for _ in range(3)]
    assert not any(repeat.leads.is_set() for repeat in repeats)
    await leading.finish()
    for repeat in repeats:
        await repeat.finish()
        assert repeat.found == Answered("a2")
    assert await contents(store, conversation) == ["q1", "a1", "q2", "a2"]


async def test_a_first_attempt_that_failed_can_be_repeated(store: Store) -> None:
    conversation = await chat(store, "q1", "a1")
    failed = await ask(store, "q2", conversation, KEY)
    async with store.lead(failed):
        pass
    await chat(store, "q3", "a3", conversation)
    again = await ask(store, "q2", conversation, KEY)
    past = await answered(store, again, "a2 at last")
    assert (again.number, [message.content for message in past]) == (2, ["q1", "a1"])
    assert await contents(store, conversation) == ["q1", "a1", "q2", "a2 at last", "q3", "a3"]


async def test_of_several_repeats_of_a_failed_request_one_is_answered_and_the_others_get_that(
    store: Store,
) -> None:
    failed = await ask(store, "Hello", key=KEY)
    async with store.lead(failed):
        pass
    asked = 0

    async def repeat() -> Answered:
        nonlocal asked
        turn = await ask(store, "Hello", key=KEY)
        async with store.lead(turn) as held:
            if held.answer is not None:
                return held.answer
            asked += 1
            await store.answer(turn, Answered(f"answer {asked}"))
            return Answered(f"answer {asked}")

    answers = await asyncio.gather(*(repeat() for _ in range(5)))
    assert (asked, set(map(repr, answers))) == (1, {repr(Answered("answer 1"))})


async def test_many_first_requests_with_one_key_at_once_are_one_turn(store: Store) -> None:
    turns = await asyncio.gather(*(ask(store, "Hello", key=KEY) for _ in range(8)))
    assert len({(turn.conversation, turn.number) for turn in turns}) == 1
    await asyncio.gather(*(_led(store, turn) for turn in turns))
    assert len((await store.page(ANNA, 10, None)).conversations) == 1


async def _led(store: Store, turn: Turn) -> None:
    async with store.lead(turn) as held:
        if held.answer is None:
            await store.answer(turn, WHOLE)


async def test_a_key_stands_for_one_body_of_one_caller_in_one_conversation(store: Store) -> None:
    first = await ask(store, "Hello", key=KEY)
    await answered(store, first, "Good day.")
    with pytest.raises(Problem) as caught:
        await store.accept(ANNA, None, "Other", Idempotency(KEY.key, b"x" * 32))
    assert (caught.value.status, caught.value.slug) == (422, "idempotency-mismatch")
    inside = await ask(store, "Other", first.conversation, Idempotency(KEY.key, b"x" * 32))
    assert inside.number == 2
    await answered(store, inside, "a2")
    for other in OTHERS:
        turn = await store.accept(other, None, "Hello", KEY)
        assert turn is not None
        assert turn.conversation != first.conversation
        async with store.lead(turn):
            pass


async def test_an_answer_is_kept_once(store: Store) -> None:
    turn = await ask(store, "Hello")
    async with store.lead(turn):
        await store.answer(turn, Answered("first"))
        await store.answer(turn, Answered("second"))
    assert await contents(store, turn.conversation) == ["Hello", "first"]


async def test_the_list_is_newest_first_and_goes_on_where_it_ended(store: Store) -> None:
    made = [await chat(store, f"q{number}", "a") for number in range(5)]
    seen: list[str] = []
    before = None
    while True:
        page = await store.page(ANNA, 2, before)
        seen += [each.id for each in page.conversations]
        before = page.before
        if before is None:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize("before", ["", "x", "x,y", ",", "nan,\0", "inf,x", "1e999,", "0,\udc80", "1.5,"])
async def test_a_place_in_the_list_that_nobody_gave_is_refused(store: Store, before: str) -> None:
    with pytest.raises(ValueError):
        await store.page(ANNA, 10, before)


async def test_a_long_conversation_is_read_from_its_end(store: Store) -> None:
    conversation = await chat(store, "q1", "a1")
    for number in range(2, 6):
        await chat(store, f"q{number}", f"a{number}", conversation)
    newest = await store.read(ANNA, conversation, 2, None)
    assert newest is not None
    assert ([each.content for each in newest.messages], newest.before) == (["q4", "a4", "q5", "a5"], 4)
    earlier = await store.read(ANNA, conversation, 3, newest.before)
    assert earlier is not None
    assert (len(earlier.messages), earlier.before) == (6, None)
    beyond = await store.read(ANNA, conversation, 10, 2**31 - 1)
    assert beyond is not None
    assert len(beyond.messages) == 10


async def test_everything_of_an_owner_can_be_exported_and_erased(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gagarin.server.history.export.TURNS", 2)
    monkeypatch.setattr("gagarin.server.history.export.CONVERSATIONS", 2)
    long = await chat(store, "q1", "a1")
    for number in range(2, 6):
        await chat(store, f"q{number}", f"a{number}", long)
    short = [await chat(store, "only", "one") for _ in range(3)]
    foreign = await store.accept(OTHERS[0], None, "not mine")
    assert foreign is not None
    async with store.lead(foreign):
        pass
    exported = [part async for part in parts(store, ANNA)]
    assert sorted({part.id for part in exported}) == sorted([long, *short])
    of_long = [part for part in exported if part.id == long]
    assert [[each.turn for each in part.messages] for part in of_long] == [[4, 4, 5, 5], [2, 2, 3, 3], [1, 1]]
    assert sorted(await store.owners(ANNA.subject)) == [ANNA]
    assert await store.erase(ANNA) == 4
    assert [part async for part in parts(store, ANNA)] == []
    assert await store.owners(ANNA.subject) == []
    assert await store.erase(ANNA) == 0
    assert await store.read(OTHERS[0], foreign.conversation or "", 1, None) is not None


async def test_what_is_kept_is_there_after_a_restart(store: Store, tmp_path: Path) -> None:
    conversation = await chat(store, "Hello", "Good day.")
    await store.close()
    await store.open()
    assert await contents(store, conversation) == ["Hello", "Good day."]


async def test_many_conversations_at_once_keep_their_order(store: Store) -> None:
    conversations = [await chat(store, "q1", "a1") for _ in range(5)]

    async def one(conversation: str, number: int) -> None:
        turn = await ask(store, f"q of {number}", conversation)
        async with store.lead(turn):
            await asyncio.sleep(0)
            await store.answer(turn, Answered(f"a of {number}"))

    async with asyncio.timeout(30):
        await asyncio.gather(*(one(each, number) for number in range(20) for each in conversations))
    for conversation in conversations:
        found = await contents(store, conversation)
        questions, answers = found[2::2], found[3::2]
        assert len(questions) == 20
        assert answers == [question.replace("q", "a") for question in questions]
