"""A Tool whose functions are those of an MCP server, kept at hand in the background.

The server is asked what it offers when the chat server starts, when it says that something changed, and from
time to time when a chat wants to know. While it is down it is tried again and again, less and less often, and
sooner when somebody wants it. A call that may have been carried out is never repeated, unless the server says
that this does no harm; one that cannot have been is repeated once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from gagarin.server.tools.endpoint import CallFailed
from gagarin.server.tools.mcp import session as sessions
from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, Refused, SessionLost, Unreachable
from gagarin.server.tools.mcp.link import LISTENING, STATELESS_VERSION, Heard, Link
from gagarin.server.tools.mcp.listing import Listing, Offer
from gagarin.server.tools.mcp.messages import HEADER_MISMATCH
from gagarin.server.tools.mcp.session import Session
from gagarin.server.tools.tool import CallContext, Function, ToolResult
from gagarin.serving.logs import Log

T = TypeVar("T")
TOOLS_CHANGED = "notifications/tools/list_changed"
NONE: Sequence[Function] = ()


class Timing(NamedTuple):
    """Seconds."""

    connect: float = 60.0  # for a server to say what it offers; a sidecar's may first have to load it
    probe: float = sessions.PROBE_SECONDS
    first_pause: float = 0.2
    longest_pause: float = 60.0
    wanted_pause: float = 1.0  # the longest pause while somebody wants the server
    steady: float = 10.0  # a connection that held for this long was a good one
    grace: float = 15.0  # for how long a lost server's functions are still offered: it may be restarting
    patience: float = 1.0  # of a chat, for a server that is being asked for the first time
    call_patience: float = 5.0  # of a call, for a server that is being connected to
    least_fresh: float = 60.0  # a list is not asked for more often because a chat wants it
    fresh_when_told: float = 600.0  # the same for a server that tells of changes
    most_fresh: float = 3600.0
    listen_again: float = 5.0  # before a stateless server is asked once more to tell of changes


USUAL = Timing()


class McpTool:
    """`connect` makes a new link, which tells what it hears. `allowed`: the functions that may be called;
    None: all."""

    def __init__(
        self,
        name: str,
        connect: Callable[[Heard], Link],
        allowed: Sequence[str] | None,
        log: Log,
        timing: Timing = USUAL,
    ) -> None:
        self.name = name
        self._connect = connect
        self._allowed = allowed
        self._log = log
        self._timing = timing
        self._offers: Mapping[str, Offer] = {}
        self._functions: Sequence[Function] = NONE
        self._left_out: Sequence[tuple[str, str]] = ()
        self._fresh_until = 0.0
        self._session: Session | None = None
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._stale = asyncio.Event()
        self._wanted = asyncio.Event()
        self._gone_since = 0.0
        self._said = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect."""
        self._gone_since = _now()
        self._task = asyncio.create_task(self._keep_connected())

    async def close(self) -> None:
        """Say goodbye, within moments."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def functions(self) -> Sequence[Function]:
        """What was listed last; nothing once the server has been gone for a while."""
        if not self._tried.is_set():
            await _within(self._timing.patience, self._tried.wait())
        if self._session is None:
            self._wanted.set()
            if _now() - self._gone_since > self._timing.grace:
                return NONE
        elif _now() > self._fresh_until:
            self._stale.set()
        return self._functions

    async def call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        """Call a function, if need be once more."""
        try:
            try:
                return await self._call(function, arguments, context)
            except CallFailed as fault:
                if not self._may_repeat(function, fault):
                    raise
            return await self._call(function, arguments, context)
        except CallFailed as fault:
            return ToolResult(f"The tool failed: {fault}.", error=True)

    async def _call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        session = await self._connected()
        offer = self._offers.get(function)
        if offer is None:
            raise McpFault("its server does not offer this function any more")
        try:
            return await session.call(offer, arguments, context.trace)
        except (SessionLost, Unreachable) as fault:
            self._leave(session)
            session.link.lose(fault)
            raise
        except Refused as fault:
            self._stale.set()  # perhaps because it offers something else now
            if fault.code == HEADER_MISMATCH:
                await self._list(session)
            raise

    def _may_repeat(self, function: str, fault: CallFailed) -> bool:
        """Whether nothing was carried out, or twice does no harm."""
        if isinstance(fault, Unreachable):
            offer = self._offers.get(function)
            return not fault.delivered or (offer is not None and offer.repeatable)
        return isinstance(fault, SessionLost) or (
            isinstance(fault, Refused) and fault.code == HEADER_MISMATCH
        )

    async def _connected(self) -> Session:
        """The session, for which a call waits a moment. Raises `McpFault`."""
        if self._session is None:
            self._wanted.set()
            await _within(self._timing.call_patience, self._up.wait())
        if self._session is None:
            raise McpFault(self._said or "its server is not there yet")
        return self._session

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            began = _now()
            try:
                await self._live()
            except CallFailed as fault:
                self._say(str(fault))
            except Exception as error:  # noqa: BLE001  # a server that nobody thought of must not end the trying
                self._log.failure("a tool's server broke its client", error, tool=self.name)
            self._tried.set()
            attempt = 0 if _now() - began > self._timing.steady else attempt + 1
            await self._pause(attempt)

    async def _live(self) -> None:
        """Connect, and stay connected for as long as that lasts. Raises `McpFault`."""
        link = self._connect(self._hear)
        farewell = False
        try:
            session = await self._opened(link)
            await _until_one_fails(link.lost(), self._listen(session), self._relist(session))
        except asyncio.CancelledError:
            farewell = True
            raise
        finally:
            self._leave(self._session)
            await link.close(farewell=farewell)

    async def _opened(self, link: Link) -> Session:
        session = await _in_time(self._timing.connect, self._begun(link))
        self._session = session
        self._up.set()
        self._tried.set()
        self._said = ""
        fields = {"tool": self.name, "revision": session.version, "functions": len(self._functions)}
        self._log.event("info", "connected to a tool's server", **fields)
        return session

    async def _begun(self, link: Link) -> Session:
        await link.open()
        session = await sessions.begin(link, self._timing.probe)
        await self._list(session)
        return session

    async def _listen(self, session: Session) -> None:
        """Hear of changes. A stateless server may end that at any time: it is asked again after a while."""
        while session.tells:
            try:
                await session.listen()
                if session.version != STATELESS_VERSION:
                    return  # what there is to hear is heard in another way, or not at all
            except (Refused, BadStatus, Nonsense):
                return  # it does not tell after all
            except Unreachable:
                self._stale.set()  # the answer shows whether the server is still there
            await asyncio.sleep(self._timing.listen_again)

    async def _relist(self, session: Session) -> None:
        while True:
            await self._stale.wait()
            await _in_time(self._timing.connect, self._list(session))
            await asyncio.sleep(
                self._timing.wanted_pause
            )  # however often a server says that something changed

    async def _list(self, session: Session) -> None:
        """Raises `McpFault`."""
        self._stale.clear()
        listing = await session.listing()
        fresh = self._timing.fresh_when_told if session.tells else self._timing.least_fresh
        self._fresh_until = _now() + min(max(listing.fresh, fresh), self._timing.most_fresh)
        self._take(listing)

    def _take(self, listing: Listing) -> None:
        offers = {
            name: offer
            for name, offer in listing.offers.items()
            if self._allowed is None or name in self._allowed
        }
        if offers != self._offers:
            self._offers = offers
            self._functions = tuple(offer.function for offer in offers.values())
        if listing.left_out != self._left_out:
            self._left_out = listing.left_out
            for function, why in listing.left_out:
                fields = {"tool": self.name, "function": function, "reason": why}
                self._log.event("warning", "a function of a tool is not offered", **fields)

    def _leave(self, session: Session | None) -> None:
        """Do not use this session any more."""
        if session is not None and session is self._session:
            self._session = None
            self._up.clear()
            self._gone_since = _now()

    def _hear(self, method: str) -> None:
        if method in (TOOLS_CHANGED, LISTENING):
            self._stale.set()

    def _say(self, fault: str) -> None:
        """In the log, once for each reason."""
        if fault != self._said:
            self._said = fault
            self._log.event("warning", "a tool's server cannot be used", tool=self.name, reason=fault)

    async def _pause(self, attempt: int) -> None:
        """Longer after each attempt; shorter when somebody wants the server."""
        timing = self._timing
        pause = min(timing.first_pause * 2 ** min(attempt, 20), timing.longest_pause)
        pause *= 1.0 - 0.25 * random.random()  # noqa: S311  # only spreads the load
        self._wanted.clear()
        await asyncio.sleep(min(pause, timing.wanted_pause))
        if pause > timing.wanted_pause:
            await _within(pause - timing.wanted_pause, self._wanted.wait())


async def _within(seconds: float, waiting: Coroutine[Any, Any, Any]) -> None:
    """Wait, but not for longer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting


async def _in_time(seconds: float, waiting: Coroutine[Any, Any, T]) -> T:
    """Raises `Unreachable` when it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await waiting
    except TimeoutError as error:
        raise Unreachable(f"its server did not answer within {seconds:g} s", delivered=True) from error


async def _until_one_fails(*work: Coroutine[Any, Any, None]) -> None:
    """Raises what the first one that fails raises, when the others have ended."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
