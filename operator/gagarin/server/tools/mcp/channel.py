"""A link over which messages go both ways, in any order: a Unix socket, or the older HTTP+SSE transport.

Answers are matched with requests by number. What matches nothing (a wrong number, a second answer, one that
came after its request was given up) is dropped. What is no message at all is dropped too, and said in the log
once: many servers print words to the output that is meant for messages.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod

import msgspec

from gagarin.server.tools.mcp import messages
from gagarin.server.tools.mcp.faults import McpFault, Nonsense, Refused, Unreachable
from gagarin.server.tools.mcp.link import Errands, Heard, Loss, Outgoing
from gagarin.server.tools.mcp.messages import Answer, Asked, TooLong
from gagarin.serving.logs import Log

GONE = "its server closed the connection"


class Channel(ABC):
    """`name` is the Tool's, for the log."""

    probe = True

    def __init__(self, name: str, heard: Heard, log: Log) -> None:
        self._name = name
        self._heard = heard
        self._log = log
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._loss = Loss()
        self._errands = Errands()
        self._reader: asyncio.Task[None] | None = None
        self._complained = False

    @abstractmethod
    async def open(self) -> None:
        """Connect, and begin to read."""

    @abstractmethod
    async def _send(self, message: bytes) -> None:
        """Raises `McpFault`."""

    @abstractmethod
    async def _read(self) -> None:
        """Give `_take` every message until the connection ends. Raises `McpFault`."""

    @abstractmethod
    def _hang_up(self) -> None:
        """Close the connection."""

    def agree(self, version: str | None) -> None:  # noqa: B027  # a part of `Link`, and nothing to do
        """Nothing here depends on the revision."""

    async def request(self, outgoing: Outgoing) -> msgspec.Raw:
        """See `Link`."""
        if (fault := self._loss.fault) is not None:
            raise Unreachable(str(fault), delivered=False)
        number = next(self._numbers)
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._send(messages.request(number, outgoing.method, outgoing.params))
            return await answer
        except asyncio.CancelledError:
            if outgoing.cancellable and self._loss.fault is None:
                self._errands.run(self._send(messages.cancellation(number)))
            raise
        finally:
            del self._waiting[number]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # it is told already, by what is being raised

    async def notify(self, method: str) -> None:
        """See `Link`."""
        await self._send(messages.notification(method))

    async def listen(self) -> None:  # noqa: B027  # a part of `Link`, and nothing to do
        """The server speaks over the same connection."""

    def lose(self, fault: McpFault) -> None:
        """See `Link`. Whoever waits for an answer learns of it."""
        self._loss.happen(fault)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Unreachable(str(self._loss.fault), delivered=True))

    async def lost(self) -> None:
        """See `Link`."""
        await self._loss.wait()

    async def close(self, *, farewell: bool) -> None:
        """Closing the connection is the farewell."""
        self.lose(Unreachable("the connection to its server was closed", delivered=True))
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._errands.finish()
        self._hang_up()

    def _begin_reading(self) -> None:
        self._reader = asyncio.create_task(self._keep_reading())

    async def _keep_reading(self) -> None:
        try:
            await self._read()
            fault: McpFault = Unreachable(GONE, delivered=True)
        except McpFault as error:
            fault = error
        except Exception as error:  # noqa: BLE001  # a mistake of ours ends the connection, not the chat server
            self._log.failure("reading from a tool's server failed", error, tool=self._name)
            fault = Unreachable("the connection to its server broke", delivered=True)
        self.lose(fault)

    def _take(self, line: bytes | TooLong) -> None:
        """Anything that came."""
        if isinstance(line, TooLong):
            self._take_too_long(line)
            return
        try:
            message = messages.parse(line)
        except Nonsense as error:
            self._complain(str(error))
            return
        if isinstance(message, Answer):
            self._settle(message)
        elif isinstance(message, Asked):
            self._errands.run(self._send(messages.reply(message)))
        else:
            self._heard(message.method)

    def _settle(self, answer: Answer) -> None:
        if isinstance(answer.id, int) and (waiting := self._waiting.get(answer.id)) and not waiting.done():
            if answer.error is not None:
                waiting.set_exception(Refused(answer.error.code, answer.error.message, answer.error.data))
            elif answer.result is not None:
                waiting.set_result(answer.result)
        elif answer.error is not None and answer.id is None:
            self._complain(f"its server could not read a message: {answer.error.message[:200]}")

    def _take_too_long(self, line: TooLong) -> None:
        """The request that it answers fails; all of them, if the beginning does not say which one that is."""
        fault = Nonsense(f"its server answered with more than {messages.MAX_MESSAGE_BYTES} bytes")
        number = messages.answered_by(line.head)
        for waiting in self._waiting.values() if number is None else [self._waiting.get(number)]:
            if waiting is not None and not waiting.done():
                waiting.set_exception(fault)

    def _complain(self, what: str) -> None:
        if not self._complained:
            self._complained = True
            self._log.event("warning", "a tool's server breaks the protocol", tool=self._name, reason=what)
