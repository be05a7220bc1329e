"""Slots are counted for each caller; a conversation is held by one turn at a time, in order."""

from __future__ import annotations

import asyncio

import pytest

from gagarin.server.errors import Problem
from gagarin.server.limits import ChatSlots, Line


def test_a_caller_with_all_its_slots_taken_is_told_to_come_back() -> None:
    slots = ChatSlots(2)
    with slots.take("a"), slots.take("a"):
        with pytest.raises(Problem) as caught, slots.take("a"):
            pass
        with slots.take("b"):
            pass
    assert caught.value.status == 429
    assert caught.value.headers == {"Retry-After": "1"}


def test_a_slot_is_free_again_after_a_failure() -> None:
    slots = ChatSlots(1)
    with pytest.raises(ValueError, match="x"), slots.take("a"):
        raise ValueError("x")
    with slots.take("a"):
        pass
    assert not slots._taken


async def test_turns_of_one_conversation_follow_each_other_in_order() -> None:
    line = Line()
    order: list[str] = []

    async def take(name: str) -> bool:
        async with line.turn("c") as waited:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")
            return waited

    waited = await asyncio.gather(take("first"), take("second"), take("third"))
    assert list(waited) == [False, True, True]
    assert order == [f"{name} {what}" for name in ("first", "second", "third") for what in ("begins", "ends")]
    assert not line._waiting


async def test_conversations_do_not_wait_for_each_other() -> None:
    line = Line()
    async with line.turn("a"), line.turn("b") as waited:
        assert not waited


async def test_one_who_gives_up_waiting_leaves_the_line() -> None:
    line = Line()
    async with line.turn("c"):
        waiting = asyncio.create_task(line.turn("c").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with line.turn("c") as waited:
        assert not waited
