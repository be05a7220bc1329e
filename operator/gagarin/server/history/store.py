"""What a store of conversations promises.

A message is accepted once `accept` returns: from then on it survives the death of the process, whether the
model answers or not. An answer is stored whole or not at all. A conversation is its owner's alone: to
everyone else it does not exist. Messages are ordered by turn (a question and what follows from it), not by
time, so that a question asked while another is being answered keeps its place. One turn of a conversation is
answered at a time, in the order in which they were accepted, whichever replica accepted them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from gagarin.server.answers import Answered, SourceUse, ToolUse
from gagarin.server.auth.identity import Owner
from gagarin.server.turns import Idempotency
from gagarin.server.wire import Message, Usage

REPEATABLE_SECONDS = 86_400.0  # how long a request with an Idempotency-Key can be repeated


class Held(msgspec.Struct, frozen=True):
    """A conversation when it is a turn's time: the messages before it, oldest first, and its answer if it has
    one already, which only a repeated request can meet."""

    past: Sequence[Message] = ()
    answer: Answered | None = None


class Turn(msgspec.Struct):
    """An accepted question; `conversation` None: not kept. The other two are for its store: where it stands
    in the conversation's line (0: nowhere yet, as a repeat of a turn that another request may hold), and what
    is known of the conversation already."""

    conversation: str | None
    number: int
    place: int = 0
    known: Held | None = None


class Summary(msgspec.Struct, frozen=True):
    """A line of the list. Times are RFC 3339."""

    id: str
    created_at: str
    updated_at: str
    turns: int


class StoredMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message as it is read back. What follows the time is of answers only, as in `Answered`."""

    turn: int
    role: str
    content: str
    created_at: str
    usage: Usage | None = None
    model: str = ""
    tools: tuple[ToolUse, ...] = ()
    sources: tuple[SourceUse, ...] = ()
    finish: str = "stop"


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
    """Every call may raise `HistoryUnavailable`. Nothing of an unknown conversation: None, False or empty."""

    async def open(self) -> None:
        """Make it ready. Raises `StartError` if it cannot be used at all."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...

    async def accept(
        self, owner: Owner, conversation: str | None, text: str, idempotency: Idempotency | None = None
    ) -> Turn | None:
        """Keep a question, in a new conversation when none is named.

        A request that was made before, with the same key, is given the turn of the first one; keys are the
        owner's and the conversation's, and are forgotten after 24 hours. Raises `Problem` 422 if its body is
        another one. Every turn that was accepted has to be led, if only to let go of it.
        """
        ...

    def lead(self, turn: Turn) -> AbstractAsyncContextManager[Held]:
        """Hold the conversation for this turn, once the turns accepted before it were answered or given up.

        A turn that was not answered on leaving is given up: the next one goes on, and a repeated request may
        take it up again. If whoever holds the conversation dies, it is free within seconds.
        """
        ...

    async def answer(self, turn: Turn, answered: Answered) -> None:
        """Keep the answer of a turn, if it has none yet. Does nothing if the conversation was deleted
        meanwhile."""
        ...

    async def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """The owner's conversations. Raises `ValueError` for a `before` that no page gave."""
        ...

    async def read(
        self, owner: Owner, conversation: str, limit: int, before: int | None
    ) -> Conversation | None:
        """The messages of the newest `limit` turns, or of those before the turn `before`."""
        ...

    async def delete(self, owner: Owner, conversation: str) -> bool:
        """Forget it; whether there was one."""
        ...

    async def erase(self, owner: Owner) -> int:
        """Forget every conversation of the owner; how many there were."""
        ...

    async def ids(self, owner: Owner, after: str, limit: int) -> Sequence[str]:
        """The owner's conversations by id, those after `after` ("" begins), for going through all of them
        while they change."""
        ...

    async def owners(self, subject: str) -> Sequence[Owner]:
        """Everyone with this name of whom something is kept: a ServiceAccount made anew is another owner,
        and so is each end user."""
        ...
