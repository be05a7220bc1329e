"""History None: every chat stands alone."""

from __future__ import annotations

from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history.export import parts
from gagarin.server.history.nothing import NoStore
from gagarin.server.history.store import Held, Page, Store
from gagarin.server.turns import Idempotency

ANNA = Owner("iss", "anna", "u1")


async def test_nothing_is_kept() -> None:
    store: Store = NoStore()
    await store.open()
    turn = await store.accept(ANNA, None, "Hello", Idempotency("k", b"d"))
    assert turn is not None
    assert turn.conversation is None
    async with store.lead(turn) as held:
        assert held == Held()
        await store.answer(turn, Answered("Good day."))
    assert await store.accept(ANNA, "any", "Hello") is None
    assert await store.page(ANNA, 10, None) == Page(())
    assert await store.read(ANNA, "any", 10, None) is None
    assert not await store.delete(ANNA, "any")
    assert await store.erase(ANNA) == 0
    assert await store.owners("anna") == ()
    assert [part async for part in parts(store, ANNA)] == []
    await store.close()
