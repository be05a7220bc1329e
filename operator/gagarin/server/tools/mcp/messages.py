"""JSON-RPC 2.0 as the Model Context Protocol uses it: one message at a time, as bytes.

`parse` takes whatever a server sent and gives one of three kinds of message, or raises `Nonsense`; payloads
stay undecoded (`msgspec.Raw`) until somebody knows what they should be. `Lines` takes a byte stream apart
into messages and is bounded in memory, however long a line is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gagarin.server.tools.mcp.faults import Nonsense

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 256  # of a message that is too long: enough to see which request it answers
METHOD_NOT_FOUND = -32601
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

Id = int | str | None


class RpcError(msgspec.Struct, frozen=True):
    """The `error` of a response."""

    code: int
    message: str = ""
    data: Any = None


class Answer(NamedTuple):
    """A response: one of `result` and `error` is set. `id` None: the server could not read ours."""

    id: Id
    result: msgspec.Raw | None
    error: RpcError | None


class Asked(NamedTuple):
    """A request of the server's."""

    id: int | str
    method: str


class Told(NamedTuple):
    """A notification."""

    method: str


Message = Answer | Asked | Told


class TooLong(NamedTuple):
    """A line longer than `MAX_MESSAGE_BYTES`, of which the beginning was kept."""

    head: bytes


class _Envelope(msgspec.Struct):
    id: int | str | float | msgspec.UnsetType | None = msgspec.UNSET
    method: str | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | None = None


_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode
_HEAD = re.compile(
    rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,\s*'
    rb'(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"(?:result|error)"'
)


def parse(data: bytes) -> Message:
    """One message. Raises `Nonsense`."""
    try:
        envelope = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if data.lstrip()[:1] == b"[":
            raise Nonsense("its server sent several messages at once, which the protocol forbids") from error
        raise Nonsense(f"its server sent something that is not JSON-RPC: {error}") from error
    if envelope.method is not None:
        return _call(envelope, envelope.method)
    if envelope.error is None and not envelope.result:
        raise Nonsense("its server sent a JSON-RPC message without method, result and error")
    answered = None if isinstance(envelope.id, float | msgspec.UnsetType) else envelope.id
    return Answer(answered, envelope.result if envelope.error is None else None, envelope.error)


def _call(envelope: _Envelope, method: str) -> Message:
    if isinstance(envelope.id, msgspec.UnsetType):
        return Told(method)
    if isinstance(envelope.id, int | str):
        return Asked(envelope.id, method)
    raise Nonsense("its server sent a JSON-RPC request with an id that is neither a number nor a text")


def request(number: int, method: str, params: Mapping[str, Any]) -> bytes:
    """A request of ours."""
    return _encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def notification(method: str, params: Mapping[str, Any] | None = None) -> bytes:
    """A notification of ours; an empty `params` is left out."""
    return _encode({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})


def cancellation(number: int) -> bytes:
    """Says that nobody waits for the answer to request `number` any more."""
    return notification("notifications/cancelled", {"requestId": number, "reason": "no longer waited for"})


def reply(asked: Asked) -> bytes:
    """The answer to a server's request: we are here, and offer nothing (no sampling, elicitation or
    roots)."""
    if asked.method == "ping":
        return _encode({"jsonrpc": "2.0", "id": asked.id, "result": {}})
    error = {"code": METHOD_NOT_FOUND, "message": "Method not found: this client offers no methods"}
    return _encode({"jsonrpc": "2.0", "id": asked.id, "error": error})


def answered_by(head: bytes) -> int | None:
    """The number of the request that a message which begins like this answers; None if that cannot be
    said."""
    match = _HEAD.match(head)
    return int(match[1]) if match else None


class Lines:
    """The lines of a byte stream; those without a word are left out."""

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = limit
        self._line = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """Every line that `chunk` completes, and each that has become too long, once."""
        found: list[bytes | TooLong] = []
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            found += self._take(piece)
            if self._line and not self._line.isspace():
                found.append(bytes(self._line))
            self._line.clear()
            self._skipping = False
        return found + self._take(rest)

    def _take(self, piece: bytes) -> list[bytes | TooLong]:
        """A piece of the current line."""
        if self._skipping:
            return []
        self._line += piece
        if len(self._line) <= self._limit:
            return []
        head = bytes(self._line[:HEAD_BYTES])
        self._line.clear()
        self._skipping = True
        return [TooLong(head)]
