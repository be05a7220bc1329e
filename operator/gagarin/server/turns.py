"""A turn: what is asked, what is passed on while it is answered, and the loop between model and tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from gagarin.server.answers import Answered
from gagarin.server.wire import Message


class Idempotency(msgspec.Struct, frozen=True):
    """What makes a repeated request the same: its key, and the SHA-256 of its body."""

    key: str
    digest: bytes


class Origin(msgspec.Struct, frozen=True):
    """Where a request comes from, beside its caller: how many agents called each other on the way here
    (`Gagarin-Depth`)."""

    depth: int = 0


class Question(msgspec.Struct, frozen=True):
    """A message to a conversation, or one that begins a conversation. It is kept."""

    input: str
    conversation: str | None = None
    idempotency: Idempotency | None = None
    origin: Origin = Origin()


class Dialogue(msgspec.Struct, frozen=True):
    """A dialogue that the client keeps: its user and assistant messages, the last one the user's. Nothing
    is kept.

    `context` is what the client's own system messages say.
    """

    messages: Sequence[Message]
    context: str = ""
    origin: Origin = Origin()


class ToolEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool call begins (`running`), or ended after `seconds`. `id` is the same in both events."""

    id: str
    name: str
    arguments: Any
    outcome: Literal["running", "ok", "error"]
    seconds: float | None = None


class Output(Protocol):
    """Where a streamed answer goes. Its methods are called one after the other, never at the same time."""

    async def begin(self, conversation: str | None) -> None:
        """The answer is about to come: tokens or a tool's events."""
        ...

    async def tokens(self, texts: list[str]) -> None:
        """The next pieces of it: those that came in one read. Waits while the receiver is slow."""
        ...

    async def tool(self, event: ToolEvent) -> None:
        """A tool call begins, or ended."""
        ...

    async def end(self, answered: Answered, conversation: str | None) -> None:
        """It is complete, and kept. The pieces joined are its text."""
        ...
