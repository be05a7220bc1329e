"""The older HTTP+SSE transport (2024-11-05): one stream of events from the server, and POSTs to it.

The first event names where to post; that has to be on the same server. Answers come over the stream.
"""

from __future__ import annotations

import asyncio

from yarl import URL

from gagarin.server import egress
from gagarin.server.errors import EgressRefused
from gagarin.server.tools.mcp.channel import GONE, Channel
from gagarin.server.tools.mcp.events import MESSAGE, Event, EventParser
from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, SessionLost, Unreachable
from gagarin.server.tools.mcp.link import Heard
from gagarin.server.tools.mcp.messages import TooLong
from gagarin.server.tools.mcp.server import EVENT_STREAM, GET_STREAM, POST, HttpServer, events
from gagarin.serving.logs import Log

ENDPOINT = "endpoint"


class SseLink(Channel):
    """A link that begins at the SSE endpoint of `server`."""

    probe = False

    def __init__(self, server: HttpServer, name: str, heard: Heard, log: Log) -> None:
        super().__init__(name, heard, log)
        self._server = server
        self._target: asyncio.Future[URL]

    async def open(self) -> None:
        """See `Link`."""
        self._target = asyncio.get_running_loop().create_future()
        self._begin_reading()
        await self._target

    def lose(self, fault: McpFault) -> None:
        """See `Link`."""
        super().lose(fault)
        if not self._target.done():
            self._target.set_exception(fault)
            self._target.exception()  # it may be that nobody waits for it any more

    async def close(self, *, farewell: bool) -> None:
        """See `Link`."""
        await super().close(farewell=farewell)
        await self._server.close()

    async def _send(self, message: bytes) -> None:
        if self._loss.fault is not None:
            raise Unreachable(GONE, delivered=False)
        async with self._server.opened("POST", POST, message, self._target.result()) as response:
            status = response.status
        if status == 404:
            fault = SessionLost("its server does not know the session any more")
            self.lose(fault)
            raise fault
        if not 200 <= status < 300:
            raise BadStatus(status)

    async def _read(self) -> None:
        async with self._server.opened("GET", GET_STREAM) as response:
            if response.status != 200:
                raise BadStatus(response.status)
            if response.content_type != EVENT_STREAM:
                raise Nonsense("its server does not answer with a stream of events (transport: SSE)")
            async for event in events(response, EventParser()):
                self._take_event(event, response.url)

    def _take_event(self, event: Event, base: URL) -> None:
        if event.name == ENDPOINT and not self._target.done():
            self._target.set_result(_address(base, event.data))
        elif event.name == MESSAGE and event.data:
            self._take(event.data if event.whole else TooLong(event.data))

    def _hang_up(self) -> None:
        """The end of reading closes the stream."""


def _address(base: URL, data: bytes) -> URL:
    try:
        return egress.redirected(base, data.decode(errors="replace"))
    except EgressRefused as error:
        raise McpFault("its server names an address for messages that is not its own") from error
