"""The listening sockets of both ports, and how they are let go without cutting an answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from gagarin.serving import connections

CUT_SECONDS = 0.5  # what a handler gets to end after it was cut off
# Of each connection: what one slow reader or one eager writer can make the kernel and this process hold.
SEND_BUFFER = 32 * 1024
READ_BUFFER = 64 * 1024


class Listener:
    """One application on one port. `draining` is called when no new requests come any more."""

    def __init__(self, app: web.Application, draining: Callable[[], None] = lambda: None) -> None:
        self._draining = draining
        self._busy: set[object] = set()  # the connections with a request under way
        self._idle = asyncio.Event()
        self._idle.set()
        app.middlewares.append(self._counted)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=connections.quiet_logger(),
            handler_cancellation=True,
            shutdown_timeout=CUT_SECONDS,
            read_bufsize=READ_BUFFER,
        )

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Begin to listen; the port, which is another one than 0. Raises `StartError`."""
        await self._runner.setup()
        listening = _bounded(host, port)
        await web.SockSite(self._runner, listening, ssl_context=tls, backlog=connections.BACKLOG).start()
        taken: int = listening.getsockname()[1]
        return taken

    async def drain(self, seconds: float) -> bool:
        """Stop listening, let what is under way finish, close. Whether all of it finished in time."""
        for site in list(self._runner.sites):
            await site.stop()
        self._draining()
        self._end_connections()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
                finished = True
        except TimeoutError:
            finished = False
        await self._runner.cleanup()
        return finished

    def _end_connections(self) -> None:
        """The idle ones now, the others after their answer.

        aiohttp stops listening to idle connections without closing them: a request that came over one would
        wait in vain until the end.
        """
        if (server := self._runner.server) is None:
            return
        server.pre_shutdown()
        for connection in server.connections:
            if connection not in self._busy:
                connection.force_close()

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        self._idle.clear()
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)
            if not self._busy:
                self._idle.set()


def _bounded(host: str, port: int) -> socket.socket:
    """A socket whose connections inherit its send buffer: left alone, the kernel lets that of a slow reader
    grow to megabytes."""
    made = connections.listening(host, port)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return made
