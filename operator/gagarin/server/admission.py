"""What every route does first, in this order: who is calling and may they, what is asked, is there room.

A request that is not let in costs one look into a cache: nothing of its body is read.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gagarin.core.config import Limits
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.gate import Gate, Headers
from gagarin.server.auth.identity import Caller
from gagarin.server.body import most_bytes
from gagarin.server.limits import ChatSlots, Slot
from gagarin.server.metrics import Metrics
from gagarin.server.observe import TRACE
from gagarin.serving.body import read

# A dialogue that the client keeps is sent whole with each question.
DIALOGUE_BYTES = 4 * 1024 * 1024


class Admission:
    """The doors of one Instance. `headers` are those that every answer has."""

    def __init__(
        self, gate: Gate, limits: Limits, metrics: Metrics, body_timeout: float, headers: Mapping[str, str]
    ) -> None:
        self._gate = gate
        self._body_timeout = body_timeout
        self._slots = ChatSlots(limits.max_concurrent_chats, metrics.chats)
        self.headers = headers
        self.max_chars = limits.max_input_chars
        self.max_bytes = most_bytes(limits.max_input_chars)
        self.max_dialogue_bytes = max(DIALOGUE_BYTES, self.max_bytes)

    async def admit(self, request: web.Request, verb: Verb, headers: Headers | None = None) -> Caller:
        """The caller. Raises `Problem` 401, 403, 503, or 400 for a header; `headers` stand for the
        request's."""
        caller = await self._gate.admit(request.headers if headers is None else headers, verb)
        request[TRACE].caller = caller.identity.user
        return caller

    async def body(self, request: web.Request, max_bytes: int) -> bytes:
        """The whole body. Raises `Problem` 400, 408, 413."""
        return await read(request, self._body_timeout, max_bytes)

    def chat(self, caller: Caller) -> Slot:
        """While an answer is made. Entering it raises `Problem` 429."""
        return self._slots.take(caller.identity.user)
