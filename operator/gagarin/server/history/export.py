"""Everything of an owner, piece by piece: however much it is, little of it is in memory at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gagarin.server.auth.identity import Owner
from gagarin.server.history.store import Conversation, Store

TURNS = 200  # in one part
CONVERSATIONS = 500  # ids asked for at once


async def parts(store: Store, owner: Owner) -> AsyncIterator[Conversation]:
    """Each conversation of the owner; one of more than 200 turns in several parts with the same id, the
    newest first. What is deleted meanwhile is left out; what is begun meanwhile may be."""
    after = ""
    while names := await store.ids(owner, after, CONVERSATIONS):
        after = names[-1]
        for name in names:
            part = await store.read(owner, name, TURNS, None)
            while part is not None:
                yield part
                part = None if part.before is None else await store.read(owner, name, TURNS, part.before)
