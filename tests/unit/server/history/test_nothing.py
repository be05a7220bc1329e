"""History None: every chat stands alone."""

from __future__ import annotations

from gagarin.server.auth.identity import Owner
from gagarin.server.history.nothing import NoStore
from gagarin.server.history.store import Page, Store

ANNA = Owner("iss", "anna", "u1")


async def test_nothing_is_kept() -> None:
    store: Store = NoStore()
    await store.open()
    turn = await store.accept(ANNA, None, "Hello")
    assert turn is not None
    assert (turn.conversation, list(await store.past(turn))) == (None, [])
    await store.answer(turn, "Good day.")
    assert await store.accept(ANNA, "any", "Hello") is None
    assert await store.page(ANNA, 10, None) == Page(())
    assert await store.read(ANNA, "any", 10, None) is None
    assert not await store.delete(ANNA, "any")
    await store.close()
