"""The store of an Instance with history None: each chat stands alone, and nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from gagarin.server.auth.identity import Owner
from gagarin.server.history.store import Conversation, Page, Turn
from gagarin.server.wire import Message

_TURN = Turn(None, 0, ())


class NoStore:
    """Knows no conversation."""

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def accept(self, owner: Owner, conversation: str | None, text: str) -> Turn | None:
        """A turn without a past; None if a conversation is named, because there are none."""
        return _TURN if conversation is None else None

    async def past(self, turn: Turn) -> Sequence[Message]:
        """Always empty."""
        return ()

    async def answer(self, turn: Turn, text: str) -> None:
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
