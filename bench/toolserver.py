"""The server of an HTTP tool: it answers every request with the same few bytes.

It listens on loopback in the benchmark's own process, and does so little that a call of the tool costs next
to nothing but its way there and back.
"""

from __future__ import annotations

import re
import socketserver
import threading
from types import TracebackType

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BODY = b'{"temperature": 21}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class ToolServer:
    """Serves `url` while the block is open."""

    def __init__(self) -> None:
        self._server = _Threads(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/weather"

    def __enter__(self) -> ToolServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(socketserver.StreamRequestHandler):
    """One connection, kept open."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while head := self._head():
            found = _LENGTH.search(head)
            self.rfile.read(int(found[1]) if found else 0)
            self.wfile.write(_ANSWER)

    def _head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            lines.append(line)
        return b"".join(lines)
