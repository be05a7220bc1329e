"""Which keys need work, in a fair order, each by one worker at a time.

A key that is added many times is worked on once; added while it is being worked on, once more afterwards.
Keys that fail wait longer each time, with jitter, so that a thousand of them do not come back together. Two
lanes: a resync that looks at everything never makes a fresh change wait behind it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from gagarin.core.objects import Key

FIRST_DELAY = 0.25
LONGEST_DELAY = 60.0


class Handle(Protocol):
    """A timer that was set."""

    def cancel(self) -> None:
        """Unset it."""
        ...

    def when(self) -> float:
        """When it fires."""
        ...


class Timers(Protocol):
    """A monotonic clock with timers: an asyncio event loop is one."""

    def time(self) -> float:
        """Seconds since some moment."""
        ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Handle:
        """Call back after `delay` seconds."""
        ...


class WorkQueue:
    """Keys waiting to be reconciled. Belongs to one event loop."""

    def __init__(self, timers: Timers, jitter: Callable[[], float] = random.random) -> None:
        self._timers = timers
        self._jitter = jitter
        self._ready: dict[Key, float] = {}  # an ordered set, with the time each key was added
        self._background: dict[Key, float] = {}
        self._running: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._later: dict[Key, Handle] = {}
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Event()
        self._stopped = False

    def add(self, key: Key, *, background: bool = False) -> None:
        """Work on `key` soon; in the background lane, when nothing else waits."""
        if key in self._running:
            self._again.add(key)
            return
        if not background:
            since = self._background.pop(key, self._timers.time())
            self._ready.setdefault(key, since)
        elif key not in self._ready:
            self._background.setdefault(key, self._timers.time())
        self._wake.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Work on `key` in `seconds`, or earlier if an earlier time is already set."""
        earlier = self._later.get(key)
        if earlier is not None:
            if earlier.when() <= self._timers.time() + seconds:
                return
            earlier.cancel()
        self._later[key] = self._timers.call_later(seconds, self._due, key)

    def retry(self, key: Key, at_least: float = 0.0) -> float:
        """Work on `key` again after its backoff. Returns the seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(FIRST_DELAY * 2 ** min(failures, 16), LONGEST_DELAY)
        delay = max(delay * (0.5 + self._jitter() / 2), at_least)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: Key) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)

    async def get(self) -> Key | None:
        """The next key, which is this worker's until `done`; None when the queue was stopped."""
        while not self._stopped:
            if (key := self.take()) is not None:
                return key
            self._wake.clear()
            await self._wake.wait()
        return None

    def take(self) -> Key | None:
        """The next key without waiting, or None."""
        lane = self._ready or self._background
        if not lane:
            return None
        key = next(iter(lane))
        del lane[key]
        self._running[key] = self._timers.time()
        return key

    def done(self, key: Key) -> None:
        """The worker has finished with `key`."""
        del self._running[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def stop(self) -> None:
        """Hand out no more keys."""
        self._stopped = True
        self._wake.set()

    @property
    def depth(self) -> int:
        """How many keys wait."""
        return len(self._ready) + len(self._background)

    def oldest_wait(self) -> float:
        """For how many seconds the key that waits longest has waited, delays not counted."""
        return self._age(self._ready | self._background)

    def longest_run(self) -> float:
        """For how many seconds the longest running reconciliation has run."""
        return self._age(self._running)

    def _age(self, since: dict[Key, float]) -> float:
        return self._timers.time() - min(since.values()) if since else 0.0

    def _due(self, key: Key) -> None:
        self._later.pop(key, None)
        self.add(key)
