"""A clock with timers that moves when a test says so, and waiting for what a task brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Timer:
    """One callback that waits for its time."""

    due: float
    call: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def when(self) -> float:
        return self.due


@dataclass
class FakeTimers:
    """The part of an event loop that the work queue uses."""

    now: float = 1000.0
    timers: list[Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Timer:
        timer = Timer(self.now + delay, lambda: callback(*args))
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass; what becomes due is called in its order."""
        self.now += seconds
        for timer in sorted(self.timers, key=Timer.when):
            if timer.due <= self.now and not timer.cancelled:
                timer.cancel()
                timer.call()


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Return as soon as it holds; fail when that takes too long."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.001)
