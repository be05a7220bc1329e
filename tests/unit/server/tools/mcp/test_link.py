"""Errands are bounded in number and in time."""

from __future__ import annotations

import asyncio

from gagarin.server.tools.mcp.faults import McpFault
from gagarin.server.tools.mcp.link import Errands


async def test_errands_beyond_the_bound_are_dropped() -> None:
    errands = Errands(most=1)
    done: list[int] = []

    async def errand(number: int) -> None:
        done.append(number)

    assert errands.run(errand(1))
    assert not errands.run(errand(2))
    await errands.finish()
    assert errands.run(errand(3))
    await errands.finish()
    assert done == [1, 3]


async def test_an_errand_that_hangs_or_fails_bothers_nobody() -> None:
    errands = Errands(seconds=0.01)

    async def fail() -> None:
        raise McpFault("so")

    async def hang() -> None:
        await asyncio.Event().wait()

    errands.run(fail())
    errands.run(hang())
    async with asyncio.timeout(60):
        await errands.finish()
