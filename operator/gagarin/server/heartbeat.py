"""Signs of life in a stream that has nothing to say for a while.

A model that thinks, or a tool that works, can be silent for longer than proxies and clients wait for a byte.
A comment, which every parser of Server-Sent Events skips, tells them that the connection is alive.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from gagarin.server.sse import HEARTBEAT

SECONDS = 15.0


class Heartbeat:
    """Writes a comment into a response whenever nothing was written for `SECONDS`."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.Task[None] | None = None
        self._at = 0.0

    def start(self) -> None:
        """The headers are out."""
        self._at = self._loop.time()
        self._arm(SECONDS)

    def wrote(self) -> None:
        """Something was written; the timer is left alone, because this happens for every token."""
        self._at = self._loop.time()

    def stop(self) -> None:
        """Nothing may be written any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        left = self._at + SECONDS - self._loop.time()
        if left > 0:
            self._arm(left)
            return
        self._beat = asyncio.create_task(self._write())
        self.start()

    async def _write(self) -> None:
        """A connection that is gone is noticed by whoever writes the answer."""
        try:
            await self._response.write(HEARTBEAT)
        except (ConnectionError, RuntimeError):
            self.stop()
