"""JSON lines on standard output, in the form that the chat servers' have: events, and one access line a
request.

No line holds a body, a key or a token: callers pass names, numbers and statuses only.
"""

from __future__ import annotations

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
    """Writes lines at or above a level."""

    def __init__(self, level: str = "info", sink: Sink | None = None) -> None:
        self._level = LEVELS[level]
        self._sink = sink or sys.stdout.buffer

    def event(self, level: Level, message: str, **fields: Any) -> None:
        """Something happened to the gateway."""
        self._write(level, "event", {"message": message, **fields})

    def failure(self, message: str, error: BaseException) -> None:
        """A mistake of ours, with its trace."""
        trace = "".join(traceback.format_exception(error))
        self._write("error", "event", {"message": message, "trace": trace})

    def access(self, **fields: Any) -> None:
        """A request was answered."""
        self._write("info", "access", fields)

    def handle_logging(self) -> None:
        """Take over what libraries log."""
        logging.basicConfig(handlers=[_Handler(self)], level=max(self._level, logging.WARNING), force=True)

    def _write(self, level: Level, kind: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] < self._level:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._sink.write(_encode({"time": time, "level": level, "log": kind, **fields}) + b"\n")
        self._sink.flush()


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        self._log.event(level, record.getMessage(), logger=record.name)
