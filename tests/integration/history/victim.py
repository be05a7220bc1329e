"""Writes conversations as fast as it can, and says on standard output what was accepted and answered: to be
killed at any moment. Each line is written after the store has promised it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Owner
from gagarin.server.history.sqlite import SqliteStore
from gagarin.serving.logs import Log

ANNA = Owner("iss", "anna", "u1")


async def talk(store: SqliteStore, run: str, worker: int) -> None:
    conversation = None
    for number in range(1_000_000):
        text = f"{run}.{worker}.{number} " + "x" * (number % 3000)
        turn = await store.accept(ANNA, conversation, text)
        assert turn is not None
        conversation = turn.conversation
        say("asked", conversation, turn.number, text)
        async with store.lead(turn):
            await store.answer(turn, Answered(text.upper()))
        say("answered", conversation, turn.number, text)


def say(what: str, conversation: str | None, number: int, text: str) -> None:
    os.write(1, f"{what} {conversation} {number} {text.split()[0]}\n".encode())


async def main(folder: str, run: str) -> None:
    store = SqliteStore(Path(folder), 10, Log("error", sys.stderr.buffer))
    await store.open()
    await asyncio.gather(*(talk(store, run, worker) for worker in range(4)))


asyncio.run(main(*sys.argv[1:]))
