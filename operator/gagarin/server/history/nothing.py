"""The store of an Instance with history None: each chat stands alone, and nothing is written anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history.store import Conversation, Held, Page, Turn
from gagarin.server.turns import Idempotency

_TURN = Turn(None, 0)
_HELD = Held()


class NoStore:
    """Knows no conversation. A repeated request is answered anew, because nothing is known of the first."""

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def accept(
        self, owner: Owner, conversation: str | None, text: str, idempotency: Idempotency | None = None
    ) -> Turn | None:
        """A turn without a past; None if a conversation is named, because there are none."""
        return _TURN if conversation is None else None

    @asynccontextmanager
    async def lead(self, turn: Turn) -> AsyncIterator[Held]:
        """Never waits."""
        yield _HELD

    async def answer(self, turn: Turn, answered: Answered) -> None:
        """Keeps nothing."""

    async def page(self, owner: Owner, limit: int, before: str | None) -> Page:
        """Always empty."""
        return Page(())

    async def read(
        self, owner: Owner, conversation: str, limit: int, before: int | None
    ) -> Conversation | None:
        """Always None."""
        return None

    async def delete(self, owner: Owner, conversation: str) -> bool:
        """Always False."""
        return False

    async def erase(self, owner: Owner) -> int:
        """Always 0."""
        return 0

    async def ids(self, owner: Owner, after: str, limit: int) -> Sequence[str]:
        """Always empty."""
        return ()

    async def owners(self, subject: str) -> Sequence[Owner]:
        """Always empty."""
        return ()
