"""What the stub was asked: the last requests, so that a test can see what reached the model.

Bounded by number and by size. Credentials are never kept: what is kept of them is a fingerprint, the first
twelve hexadecimal digits of SHA-256 of the credential without its scheme (`printf %s KEY | sha256sum`).
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_MAX_BYTES = 64 * 1024 * 1024


class Entry(NamedTuple):
    """One request as it came in."""

    number: int
    at: float
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Record:
    """A ring of the last `size` requests, at most 64 MiB of bodies."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque()
        self._size = size
        self._bytes = 0
        self.total = 0

    def add(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> int:
        """Keep a request; gives its number, counted from 1."""
        self.total += 1
        kept = [(name, fingerprint(value) if _is_secret(name) else value) for name, value in headers]
        self._entries.append(Entry(self.total, time.time(), method, path, kept, body))
        self._bytes += len(body)
        while len(self._entries) > self._size or self._bytes > _MAX_BYTES:
            self._bytes -= len(self._entries.popleft().body)
        return self.total

    def clear(self) -> None:
        """Forget all requests and count from 1 again."""
        self._entries.clear()
        self._bytes = self.total = 0

    def encode(self) -> bytes:
        """`{"total": N, "requests": [{number, time, method, path, headers, body}, ...]}`, oldest first."""
        return msgspec.json.encode({"total": self.total, "requests": [_show(item) for item in self._entries]})


def _is_secret(name: str) -> bool:
    lower = name.lower()
    return lower in _SECRET_HEADERS or lower.endswith("api-key")


def _show(entry: Entry) -> dict[str, Any]:
    headers: dict[str, str] = {}
    for name, value in entry.headers:
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return {
        "number": entry.number,
        "time": entry.at,
        "method": entry.method,
        "path": entry.path,
        "headers": headers,
        "body": _show_body(entry.body),
    }


def _show_body(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def credential(header: str) -> str:
    """The credential of an Authorization header: what follows the scheme, or all of it."""
    return header.partition(" ")[2].strip() or header


def fingerprint(header: str) -> str:
    """`sha256:` and twelve digits for the value of a header with a credential."""
    return f"sha256:{hashlib.sha256(credential(header).encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"
