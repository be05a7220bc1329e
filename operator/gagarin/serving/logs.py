"""JSON lines on standard output: events, one access line a request, one audit line a decision.

`log` says which of the three a line is. No line holds a prompt, an answer, a key or a token: callers of
this module pass names, numbers and statuses only. Lines of libraries (through `logging`) come out in the
same form.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

Level = Literal["debug", "info", "warning", "error"]
LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Sink(Protocol):
    """Where lines go: a binary stream."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> None: ...


class Log:
    """Writes lines at or above a level.

    Within the event loop a line is written in the loop's next round, together with others: whoever waits for
    an answer does not wait for the log as well.
    """

    def __init__(self, level: str = "info", sink: Sink | None = None) -> None:
        self._level = LEVELS[level]
        self._sink = sink or sys.stdout.buffer
        self._pending: list[bytes] = []

    def event(self, level: Level, message: str, **fields: Any) -> None:
        """Something happened to the server."""
        self._write(level, "event", {"message": message, **fields})

    def failure(self, message: str, error: BaseException, **fields: Any) -> None:
        """A mistake of ours, with its trace."""
        trace = "".join(traceback.format_exception(error))
        self._write("error", "event", {"message": message, **fields, "trace": trace})

    def access(self, **fields: Any) -> None:
        """A request was answered."""
        self._write("info", "access", fields)

    def audit(self, **fields: Any) -> None:
        """Somebody was let in, or was not."""
        self._write("info", "audit", fields)

    def flush(self) -> None:
        """Write what is pending now."""
        lines, self._pending = self._pending, []
        self._sink.write(b"".join(lines))
        self._sink.flush()

    def _write(self, level: Level, kind: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] < self._level:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": level, "log": kind, **fields}
        self._pending += (_encode(line), b"\n")
        try:
            if len(self._pending) == 2:
                asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:  # no event loop runs here
            self.flush()

    def handle_logging(self) -> None:
        """Take over what libraries log."""
        logging.basicConfig(handlers=[_Handler(self)], level=max(self._level, logging.WARNING), force=True)


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        if record.exc_info and record.exc_info[1]:
            self._log.failure(record.getMessage(), record.exc_info[1], logger=record.name)
        else:
            self._log.event(level, record.getMessage(), logger=record.name)
