"""What a way to a server has to do, whichever it is: carry requests there and their answers back.

A link is opened once and, once lost, never used again: another one is made. It knows nothing of what requests
mean, but that nobody waits any more for one that is cancelled, and says so to the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from gagarin.server.tools.mcp.faults import McpFault

# Revisions with a handshake, and the one in which each request stands for itself.
HANDSHAKE_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
STATELESS_VERSION = "2026-07-28"
# Heard when a stream begins of what a server says unasked (in these words, from a stateless one): what it
# would have said before was not heard.
LISTENING = "notifications/subscriptions/acknowledged"

Heard = Callable[[str], None]


class Outgoing(NamedTuple):
    """A request. `name` is what it is about (a function's), `headers` go along where there are headers.

    `cancellable`: not one that opens a conversation, which the protocol forbids to cancel.
    """

    method: str
    params: Mapping[str, Any]
    name: str | None = None
    headers: Mapping[str, str] = {}
    cancellable: bool = True


class Link(Protocol):
    """Safe to use from many tasks. `probe`: servers of both eras are reached in this way."""

    probe: bool

    async def open(self) -> None:
        """Connect. Raises `McpFault`."""
        ...

    def agree(self, version: str | None) -> None:
        """Speak this revision from now on; None: none is agreed on."""
        ...

    async def request(self, outgoing: Outgoing) -> msgspec.Raw:
        """The result. Raises `McpFault`. However long it takes: whoever cancels it has waited long enough."""
        ...

    async def notify(self, method: str) -> None:
        """Tell the server. Raises `McpFault`."""
        ...

    async def listen(self) -> None:
        """Take in what a server with a handshake says unasked, as long as it offers a way to. Raises
        `McpFault`."""
        ...

    def lose(self, fault: McpFault) -> None:
        """It shows that the link is lost."""
        ...

    async def lost(self) -> None:
        """Wait until the link is lost, and raise the `McpFault` that says why."""
        ...

    async def close(self, *, farewell: bool) -> None:
        """Let go; with a farewell, where there is one to be said."""
        ...


class Loss:
    """Why a link is lost, once it is. Only the first reason counts."""

    def __init__(self) -> None:
        self.fault: McpFault | None = None
        self._happened = asyncio.Event()

    def happen(self, fault: McpFault) -> None:
        """It is lost."""
        if self.fault is None:
            self.fault = fault
            self._happened.set()

    async def wait(self) -> None:
        """Raises the fault."""
        await self._happened.wait()
        assert self.fault is not None
        raise self.fault


class Errands:
    """Short tasks that nobody waits for, a bounded number, each within a bounded time."""

    def __init__(self, most: int = 64, seconds: float = 5.0) -> None:
        self._most = most
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, errand: Coroutine[Any, Any, None]) -> bool:
        """Begin it. False: it was dropped, because too many are under way."""
        if len(self._tasks) >= self._most:
            errand.close()
            return False
        task = asyncio.create_task(self._bounded(errand))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def finish(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _bounded(self, errand: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await errand
        except (McpFault, TimeoutError):
            pass  # what it was good for, the server now learns in another way or not at all
