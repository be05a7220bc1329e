"""Waiting for what a test expects to happen, instead of for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(happened: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Ask again and again. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not await happened():
            await asyncio.sleep(0.02)


async def happens(event: asyncio.Event, seconds: float = 60.0) -> None:
    """Wait for the event, but not for ever. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        await event.wait()
