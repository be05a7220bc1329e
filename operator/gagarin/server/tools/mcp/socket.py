"""A server in a sidecar: its standard input and output behind a Unix socket, one message a line.

The bridge in the sidecar starts one process of the server for each connection, so a new link is a new
process.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from gagarin.server.tools.mcp.channel import GONE, Channel
from gagarin.server.tools.mcp.faults import Unreachable
from gagarin.server.tools.mcp.link import Heard
from gagarin.server.tools.mcp.messages import Lines
from gagarin.serving.logs import Log

CHUNK = 64 * 1024


class SocketLink(Channel):
    """A link over the socket at `path`."""

    def __init__(self, path: Path, name: str, heard: Heard, log: Log) -> None:
        super().__init__(name, heard, log)
        self._path = path
        self._input: asyncio.StreamReader
        self._output: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """See `Link`."""
        try:
            self._input, self._output = await asyncio.open_unix_connection(self._path, limit=CHUNK)
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else "no connection"
            raise Unreachable(f"its sidecar cannot be reached: {reason}", delivered=False) from error
        self._begin_reading()

    async def _send(self, message: bytes) -> None:
        if self._output is None or self._loss.fault is not None:
            raise Unreachable(GONE, delivered=False)
        try:
            self._output.write(message + b"\n")
            await self._output.drain()
        except OSError as error:
            raise Unreachable(GONE, delivered=True) from error

    async def _read(self) -> None:
        lines = Lines()
        try:
            while chunk := await self._input.read(CHUNK):
                for line in lines.feed(chunk):
                    self._take(line)
        except OSError as error:
            raise Unreachable(GONE, delivered=True) from error

    def _hang_up(self) -> None:
        if self._output is not None:
            self._output.close()
