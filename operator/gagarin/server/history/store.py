"""What a store of conversations promises.

A message is accepted once `accept` returns: from then on it survives the death of the process, whether the
model answers or not. An answer is stored whole or not at all. A conversation is its owner's alone: to
everyone else it does not exist. Messages are ordered by turn (a question and what follows from it), not by
time, so that a question asked while another is being answered keeps its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gagarin.server.auth.identity import Owner
from gagarin.server.wire import Message


class Turn(msgspec.Struct, frozen=True):
    """An accepted question. `past` are the messages before it, oldest first; `conversation` None: not
    kept."""

    conversation: str | None
    number: int
    past: Sequence[Message]


class Summary(msgspec.Struct, frozen=True):
    """A line of the list. Times are RFC 3339."""

    id: str
    created_at: str
    updated_at: str
    turns: int


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as it is read back."""

    turn: int
    role: str
    content: str
    created_at: str


class Conversation(msgspec.Struct, frozen=True):
    """A conversation, or its newest part: `before` is the turn to ask for the part before it, if there is
    one."""

    id: str
    created_at: str
    updated_at: str
    messages: Sequence[StoredMessage]
    before: int | None = None


class Page(msgspec.Struct, frozen=True):
    """Conversations, newest first. `before` asks for the next page; None on the last."""

    conversations: Sequence[Summary]
    before: str | None = None


class Store(Protocol):
    """Every call may raise `HistoryUnavailable`. Nothing of an unknown conversation: None or False."""

    async def open(self) -> None:
        """Make it ready. Raises `StartError` if it cannot be used at all."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...

    async def accept(self, owner: Owner, conversation: str | None, text: str) -> Turn | None:
        """Keep a question, in a new conversation when none is named."""
        ...

    async def past(self, turn: Turn) -> Sequence[Message]:
        """The messages before a turn, read again: the turns before it may have been answered meanwhile."""
        ...

    async def answer(self, turn: Turn, text: str) -> None:
        """Keep the answer of a turn. Does nothing if the conversation was deleted meanwhile."""
        ...

    async def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """The owner's conversations."""
        ...

    async def read(
        self, owner: Owner, conversation: str, limit: int, before: int | None
    ) -> Conversation | None:
        """The messages of the newest `limit` turns, or of those before the turn `before`."""
        ...

    async def delete(self, owner: Owner, conversation: str) -> bool:
        """Forget it; whether there was one."""
        ...
