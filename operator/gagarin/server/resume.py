"""Streamed answers that survive their connection for a moment (WHATWG HTML, section 9.2.3: `Last-Event-ID`).

Every event has an id, `STREAM.NUMBER`. When a connection breaks after the answer began, the answer goes on
for a few seconds; a request with `Last-Event-ID` gets what it missed from this pod's memory, and then what
follows, as it comes. If nobody comes back in time, or the conversation goes on with another question, the
model call is stopped. An answer that is over can be read again for as many seconds.

Memory is bounded twice: what is held of one stream, and of all of them. While nobody reads, the model is
slowed down rather than events lost; a reader that missed more than is held is told so.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aiohttp import web

from gagarin.server import problems, replies
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.heartbeat import Heartbeat
from gagarin.server.observe import TRACE
from gagarin.server.recording import STREAM_BYTES, Recording
from gagarin.server.replies import CONVERSATION_HEADER, EventWriter
from gagarin.serving.requests import hang_up

UNREAD_BYTES = STREAM_BYTES // 2  # written while nobody reads; then the model waits
TOTAL_BYTES = 16 * 1024 * 1024  # held of all streams together
_NAME_BYTES = 9  # of randomness

Answering = Callable[["LiveStream"], Coroutine[Any, Any, None]]


class _Connection:
    """One reader of a stream."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self.request = request
        self.response = replies.streaming("text/event-stream", headers)
        self.heartbeat = Heartbeat(self.response)

    async def begin(self, conversation: str | None) -> None:
        """Send the headers."""
        if conversation is not None:
            self.response.headers[CONVERSATION_HEADER] = conversation
        replies.keep_small(self.request)
        await self.response.prepare(self.request)

    async def write(self, data: bytes) -> None:
        """Waits while the reader is slow."""
        await replies.send(self.request, self.response, data)

    def cut(self) -> None:
        """End it at once."""
        hang_up(self.request)


class LiveStream(EventWriter):
    """One answer on its way: the `Output` of a chat, whether somebody reads it or not.

    `begun`: the headers of the first response are out.
    """

    def __init__(self, streams: Streams, owner: Owner, connection: _Connection) -> None:
        self.name = secrets.token_urlsafe(_NAME_BYTES)
        super().__init__(f"{self.name}.".encode())
        self.owner = owner
        self.conversation: str | None = None
        self.begun = False
        self.recording = Recording()
        self.timer: asyncio.TimerHandle | None = None
        self._streams = streams
        self._trace = connection.request[TRACE]
        self._connection: _Connection | None = connection
        self._unread = 0
        self._read: asyncio.Event | None = None  # set when somebody reads again; made when that is waited for

    async def begin(self, conversation: str | None) -> None:
        """Send the headers; from now on the stream can be resumed."""
        self.conversation = conversation
        self.begun = True
        self._streams.remember(self)
        if (connection := self._connection) is not None:
            try:
                await connection.begin(conversation)
            except ConnectionError:
                self.lose(connection)
            else:
                self._attach(connection)

    async def take_up(self, connection: _Connection, number: int) -> None:
        """Go on over another connection, with what follows event `number`. Raises `Problem` 410, and
        `ConnectionError`."""
        missed = self.recording.after(number)
        if missed is None:
            raise problems.events_gone(f"{self.name}.{number}")
        self._replace()
        self._streams.goes_on(self)  # catching up may take longer than nobody is waited for
        try:
            await self._catch_up(connection, missed)
        finally:
            if self._connection is None:
                self._streams.abandoned(self)

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """The last events."""
        self._trace.answered(answered, conversation)
        await super().end(answered, conversation)

    def cut(self) -> None:
        """End the connection that it is read over, if there is one."""
        if self._connection is not None:
            self._connection.cut()

    def lose(self, connection: _Connection) -> None:
        """A connection is gone."""
        connection.heartbeat.stop()
        if connection is self._connection:
            self._connection = None
            self._streams.abandoned(self)

    def close(self) -> None:
        """The answer is over."""
        if self._connection is not None:
            self._connection.heartbeat.stop()
            self._connection = None

    async def _catch_up(self, connection: _Connection, missed: bytes | None) -> None:
        await connection.begin(self.conversation)
        while missed:
            number = self.last
            await connection.write(missed)
            if (missed := self.recording.after(number)) is None:
                raise ConnectionResetError("the stream went on faster than it was read")
        self._replace()
        self._attach(connection)

    def _attach(self, connection: _Connection) -> None:
        if self._streams.goes_on(self):
            self._connection = connection
            self._unread = 0
            if self._read is not None:
                self._read.set()
            connection.heartbeat.start()

    def _replace(self) -> None:
        """The reader has come back: the connection that it had before is of no use."""
        if (former := self._connection) is not None:
            self.lose(former)
            former.cut()

    async def _send(self, data: bytes) -> None:
        self._streams.grew(self, self.recording.add(data))
        if (connection := self._connection) is not None:
            connection.heartbeat.wrote()
            try:
                await connection.write(data)
            except ConnectionError:
                self.lose(connection)
            return
        self._unread += len(data)
        while self._unread > UNREAD_BYTES and self._connection is None:
            self._read = asyncio.Event()
            await self._read.wait()


class Streams:
    """The streams of one Instance. `window` is how many seconds one outlives its connection; `headers` are
    those of every answer."""

    def __init__(self, window: float, headers: Mapping[str, str]) -> None:
        self._window = window
        self._headers = headers
        self._tasks: dict[LiveStream, asyncio.Task[None]] = {}  # those that go on
        self._known: dict[str, LiveStream] = {}  # those that can be resumed
        self._unread: set[LiveStream] = set()  # those that go on, and nobody reads
        self._held: OrderedDict[LiveStream, None] = (
            OrderedDict()
        )  # with a recording; written longest ago first
        self._size = 0

    async def run(self, request: web.Request, owner: Owner, answering: Answering) -> web.StreamResponse:
        """Stream an answer to a request. Raises what `answering` raises before it begins its output."""
        connection = _Connection(request, self._headers)
        live = LiveStream(self, owner, connection)
        task = self._tasks[live] = asyncio.create_task(answering(live))
        task.add_done_callback(lambda done: self._ended(live, done))
        return await _followed(live, connection, task)

    async def resume(self, request: web.Request, owner: Owner, event: str) -> web.StreamResponse:
        """Go on with the stream of an earlier request, after `event`. Raises `Problem` 404 and 410."""
        live, number = self._place(owner, event)
        connection = _Connection(request, self._headers)
        await live.take_up(connection, number)
        if (task := self._tasks.get(live)) is None:
            return connection.response
        return await _followed(live, connection, task)

    def give_up(self, owner: Owner, conversation: str) -> None:
        """Stop answers in a conversation that nobody reads, because it goes on with something else."""
        for live in self._unread:
            if live.conversation == conversation and live.owner == owner:
                self._tasks[live].cancel()

    async def close(self) -> None:
        """Stop all of them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def remember(self, live: LiveStream) -> None:
        """It can be resumed from now on."""
        self._known[live.name] = live

    def grew(self, live: LiveStream, by: int) -> None:
        """Its recording did; what was written longest ago is forgotten if all together hold too much."""
        self._held[live] = None
        self._held.move_to_end(live)
        self._size += by
        while self._size > TOTAL_BYTES:
            oldest, _ = self._held.popitem(last=False)
            self._size -= oldest.recording.size
            oldest.recording.forget()

    def abandoned(self, live: LiveStream) -> None:
        """Nobody reads it. Before its first event nobody knows its name, so that nobody can come back."""
        if (task := self._tasks.get(live)) is None:
            return
        self._unread.add(live)
        if live.begun and self._window:
            self._start_timer(live)
        else:
            task.cancel()

    def goes_on(self, live: LiveStream) -> bool:
        """Whether more will come of it; then somebody reads it again, and its time does not run."""
        if live not in self._tasks:
            return False
        self._unread.discard(live)
        if live.timer is not None:
            live.timer.cancel()
        return True

    def _place(self, owner: Owner, event: str) -> tuple[LiveStream, int]:
        name, _, number = event.rpartition(".")
        live = self._known.get(name)
        if live is None or live.owner != owner or not (number.isascii() and number.isdigit()):
            raise problems.unknown_event(event)
        if len(number) > len(str(live.last)) or int(number) > live.last:
            raise problems.unknown_event(event)
        return live, int(number)

    def _ended(self, live: LiveStream, task: asyncio.Task[None]) -> None:
        del self._tasks[live]
        self._unread.discard(live)
        live.close()
        whole = not task.cancelled() and task.exception() is None
        if whole and self._window:
            self._start_timer(live)
        else:
            self._forget(live)

    def _start_timer(self, live: LiveStream) -> None:
        if live.timer is not None:
            live.timer.cancel()
        live.timer = asyncio.get_running_loop().call_later(self._window, self._time_is_up, live)

    def _time_is_up(self, live: LiveStream) -> None:
        if (task := self._tasks.get(live)) is not None:
            task.cancel()
        else:
            self._forget(live)

    def _forget(self, live: LiveStream) -> None:
        if live.timer is not None:
            live.timer.cancel()
        self._known.pop(live.name, None)
        if live in self._held:
            del self._held[live]
            self._size -= live.recording.size


async def _followed(
    live: LiveStream, connection: _Connection, task: asyncio.Task[None]
) -> web.StreamResponse:
    """Wait for the end of the answer. Who reads it may go: the answer stays for a moment."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        live.lose(connection)
        raise
    return connection.response
