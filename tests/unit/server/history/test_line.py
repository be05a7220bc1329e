"""A conversation is held by one turn at a time, in the order in which places were joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gagarin.server.history.line import Line


@asynccontextmanager
async def held(line: Line, conversation: str, place: int) -> AsyncIterator[bool]:
    try:
        yield await line.reached(conversation, place)
    finally:
        line.leave(conversation, place)


async def test_places_are_held_in_the_order_in_which_they_were_joined() -> None:
    line = Line()
    places = [line.join("c") for _ in range(3)]
    order: list[str] = []

    async def take(place: int) -> bool:
        async with held(line, "c", place) as waited:
            order.append(f"{places.index(place)} begins")
            await asyncio.sleep(0)
            order.append(f"{places.index(place)} ends")
            return waited

    waited = await asyncio.gather(*(take(place) for place in reversed(places)))
    assert list(waited) == [True, True, False]
    assert order == [f"{number} {what}" for number in range(3) for what in ("begins", "ends")]
    assert not line._lines


async def test_conversations_do_not_wait_for_each_other() -> None:
    line = Line()
    async with held(line, "a", line.join("a")), held(line, "b", line.join("b")) as waited:
        assert not waited


async def test_one_who_gives_up_waiting_leaves_the_line() -> None:
    line = Line()
    first, second, third = (line.join("c") for _ in range(3))
    async with held(line, "c", first):
        waiting = asyncio.create_task(held(line, "c", second).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with held(line, "c", third) as waited:
        assert waited


async def test_a_place_that_was_left_before_it_was_held_is_nobodys() -> None:
    line = Line()
    first, second = line.join("c"), line.join("c")
    line.leave("c", first)
    async with asyncio.timeout(60), held(line, "c", second) as waited:
        assert waited
