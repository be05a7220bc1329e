"""A link over Streamable HTTP: each message is a POST, and each answer the answer to it.

An answer is one JSON object or a stream of events with the answer among them. A server with a handshake may
give a session, may break a stream off to have it taken up again (`Last-Event-ID`), and may speak unasked on a
stream of its own. In the stateless revision none of that is there: headers repeat what a request is about,
and closing the connection is what cancels it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping

import aiohttp
import msgspec

from gagarin.server.tools.mcp import messages
from gagarin.server.tools.mcp.events import MESSAGE, Event, EventParser
from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, Refused, SessionLost, Unreachable
from gagarin.server.tools.mcp.headers import encoded
from gagarin.server.tools.mcp.link import LISTENING, STATELESS_VERSION, Errands, Heard, Loss, Outgoing
from gagarin.server.tools.mcp.messages import Answer, Asked
from gagarin.server.tools.mcp.server import EVENT_STREAM, GET_STREAM, POST, HttpServer, events, whole

SESSION = "Mcp-Session-Id"
VERSION = "MCP-Protocol-Version"
MAX_RESUMPTIONS = 5  # in a row without anything new
PAUSE = 1.0  # before a stream is taken up again, unless the server asks for another one
LONGEST_PAUSE = 30.0
_OLD_TRANSPORT = "; if it speaks the older HTTP+SSE transport, the Tool needs transport: SSE"


class StreamableLink:
    """A link to the MCP endpoint of `server`. `pause`: see `PAUSE`."""

    probe = True

    def __init__(self, server: HttpServer, heard: Heard, pause: float = PAUSE) -> None:
        self._server = server
        self._heard = heard
        self._shortest_pause = pause
        self._numbers = itertools.count(1)
        self._version: str | None = None
        self._session: str | None = None
        self._loss = Loss()
        self._errands = Errands()

    async def open(self) -> None:
        """Requests connect by themselves."""

    def agree(self, version: str | None) -> None:
        """See `Link`."""
        self._version = version

    async def request(self, outgoing: Outgoing) -> msgspec.Raw:
        """See `Link`."""
        number = next(self._numbers)
        try:
            return await self._exchange(number, outgoing)
        except asyncio.CancelledError:
            if outgoing.cancellable and self._version != STATELESS_VERSION:
                self._errands.run(self._post(messages.cancellation(number)))
            raise

    async def notify(self, method: str) -> None:
        """See `Link`."""
        await self._post(messages.notification(method))

    async def listen(self) -> None:
        """The stream of what the server says unasked, taken up again whenever it ends."""
        parser = EventParser()
        while True:
            async with self._server.opened("GET", self._headers(GET_STREAM, parser.last_id)) as response:
                if response.status == 404 and self._session:
                    raise SessionLost("its server does not know the session any more")
                if response.status != 200 or response.content_type != EVENT_STREAM:
                    return  # it offers none
                if not parser.last_id:
                    self._heard(LISTENING)
                await self._read_on(response, parser, None)
            await asyncio.sleep(max(self._pause(parser), self._shortest_pause))

    def lose(self, fault: McpFault) -> None:
        """See `Link`. Only requests can show it: there is no connection that stays."""
        self._loss.happen(fault)

    async def lost(self) -> None:
        """See `Link`."""
        await self._loss.wait()

    async def close(self, *, farewell: bool) -> None:
        """Requests under way go on: each has its own connection. The farewell ends the session at the
        server."""
        if farewell and self._session:
            self._errands.run(self._end_session())
        await self._errands.finish()
        await self._server.close()

    def _headers(self, kind: Mapping[str, str], resume: str = "") -> dict[str, str]:
        headers = dict(kind)
        if self._version:
            headers[VERSION] = self._version
        if self._session:
            headers[SESSION] = self._session
        if resume:
            headers["Last-Event-ID"] = resume
        return headers

    async def _exchange(self, number: int, outgoing: Outgoing) -> msgspec.Raw:
        headers = {**outgoing.headers, **self._headers(POST)}
        if self._version == STATELESS_VERSION:
            headers["Mcp-Method"] = outgoing.method
            if outgoing.name is not None:
                headers["Mcp-Name"] = encoded(outgoing.name)
        body = messages.request(number, outgoing.method, outgoing.params)
        parser = EventParser()
        async with self._server.opened("POST", headers, body) as response:
            answer = await self._answer(response, number, parser)
            if outgoing.method == "initialize":
                self._session = response.headers.get(SESSION)
        return _result(answer or await self._resumed(number, parser))

    async def _answer(
        self, response: aiohttp.ClientResponse, number: int, parser: EventParser
    ) -> Answer | None:
        """None: the stream was broken off, and may be taken up again."""
        if response.status == 200 and response.content_type == EVENT_STREAM:
            answer = await self._read_on(response, parser, number)
            if answer is None and not parser.last_id:
                raise Unreachable("its server ended the stream without an answer", delivered=True)
            return answer
        if response.status == 404 and self._session:
            raise SessionLost("its server does not know the session any more")
        answer = _answer_in(await whole(response), number, lenient=response.status != 200)
        if answer is not None:
            return answer
        if response.status == 400 and self._session:
            raise SessionLost("its server does not take the session any more")
        if response.status == 200:
            raise Nonsense("its server answered another request than was made")
        raise BadStatus(response.status, _OLD_TRANSPORT if response.status in (404, 405) else "")

    async def _read_on(
        self, response: aiohttp.ClientResponse, parser: EventParser, number: int | None
    ) -> Answer | None:
        """The answer from a stream; None when the stream ends before, or breaks and can be taken up again."""
        try:
            async for event in events(response, parser):
                answer = self._take(event) if event.name == MESSAGE and event.data else None
                if answer is not None and answer.id == number:
                    return answer
        except (aiohttp.ClientError, OSError):
            if number is not None and not parser.last_id:
                raise
        return None

    def _take(self, event: Event) -> Answer | None:
        if not event.whole:
            raise Nonsense(f"its server answered with more than {messages.MAX_MESSAGE_BYTES} bytes")
        message = messages.parse(event.data)
        if isinstance(message, Answer):
            return message
        if isinstance(message, Asked):
            self._errands.run(self._post(messages.reply(message)))
        else:
            self._heard(message.method)
        return None

    async def _resumed(self, number: int, parser: EventParser) -> Answer:
        """The answer from a stream that was broken off. Raises `McpFault`."""
        failures = 0
        while failures < MAX_RESUMPTIONS:
            await asyncio.sleep(self._pause(parser))
            before = parser.last_id
            answer = await self._taken_up(number, parser)
            if answer is not None:
                return answer
            failures = 0 if parser.last_id != before else failures + 1
        raise Unreachable("its server broke off the answer too often", delivered=True)

    async def _taken_up(self, number: int, parser: EventParser) -> Answer | None:
        """What the stream gives when it is taken up again where it was broken off; None: it was so once
        more."""
        headers = self._headers(GET_STREAM, parser.last_id)
        try:
            async with self._server.opened("GET", headers) as response:
                if response.status == 200 and response.content_type == EVENT_STREAM:
                    return await self._read_on(response, parser, number)
        except Unreachable:
            return None
        raise Unreachable("its server broke off the answer", delivered=True)

    def _pause(self, parser: EventParser) -> float:
        asked = self._shortest_pause if parser.retry is None else parser.retry
        return min(asked, LONGEST_PAUSE) + 0.05 * random.random()  # noqa: S311  # only spreads the load

    async def _post(self, body: bytes) -> None:
        """A message that has no answer; how it was taken shows in the next request."""
        async with self._server.opened("POST", self._headers(POST), body):
            pass

    async def _end_session(self) -> None:
        async with self._server.opened("DELETE", self._headers({})):
            pass


def _answer_in(body: bytes, number: int, *, lenient: bool) -> Answer | None:
    """The answer to request `number`. `lenient`: beside an HTTP error the body may be anything."""
    try:
        message = messages.parse(body)
    except Nonsense:
        if lenient:
            return None
        raise
    if not isinstance(message, Answer):
        return None
    about_ours = message.id == number or (message.id is None and message.error is not None)
    return message if about_ours else None


def _result(answer: Answer) -> msgspec.Raw:
    if answer.error is not None:
        raise Refused(answer.error.code, answer.error.message, answer.error.data)
    assert answer.result is not None
    return answer.result
