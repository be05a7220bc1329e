"""A replica that accepts a question, says so, and is never done with it: to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from gagarin.server.auth.identity import Owner  # after the path above
from gagarin.server.turns import Idempotency
from tests.integration.postgres.database import store_in


async def main(folder: str, url: str) -> None:
    store = store_in(Path(folder), url)
    await store.open()
    turn = await store.accept(Owner("iss", "anna", "u1"), None, "Hello", Idempotency("once", b"d" * 32))
    assert turn is not None
    async with store.lead(turn):
        print(turn.conversation, flush=True)
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
