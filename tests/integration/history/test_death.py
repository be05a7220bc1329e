"""SIGKILL at any moment, under load: what was promised is there, whole, and nothing is there in part."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path

from gagarin.server.history.sqlite import FILE_NAME

VICTIM = Path(__file__).with_name("victim.py")
DEATHS = 12
Promise = tuple[str, int, int]  # conversation, turn, step


async def test_whenever_it_is_killed_nothing_promised_is_lost_and_nothing_is_half_there(
    tmp_path: Path,
) -> None:
    promised: dict[Promise, str] = {}
    for run in range(DEATHS):
        lines = await _killed_after(tmp_path, str(run), random.uniform(0.0, 0.15))
        for line in lines:
            what, conversation, turn, text = line.split()
            promised[conversation, int(turn), int(what == "answered")] = text
        kept = _kept(tmp_path / FILE_NAME)
        assert {place: text.lower() for place, text in promised.items() if kept.get(place) != text} == {}
    assert len(promised) > DEATHS * 10


async def _killed_after(folder: Path, run: str, seconds: float) -> list[str]:
    """What a run has promised before it was killed, so many seconds after its first promise."""
    victim = await asyncio.create_subprocess_exec(sys.executable, str(VICTIM), str(folder), run, stdout=PIPE)
    assert victim.stdout is not None
    async with asyncio.timeout(60):
        first = await victim.stdout.readline()
    asyncio.get_running_loop().call_later(seconds, victim.send_signal, signal.SIGKILL)
    rest = await victim.stdout.read()
    assert await victim.wait() == -signal.SIGKILL
    whole, _, _ = (first + rest).decode().rpartition("\n")
    return whole.splitlines()


def _kept(file: Path) -> dict[Promise, str]:
    """Every message by its place, each checked to be whole; answers in the form of their questions."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        turns = dict(connection.execute("SELECT id, turns FROM conversations"))
        rows = connection.execute("SELECT conversation, turn, step, content FROM messages").fetchall()
    kept = {}
    questions = {(row[0], row[1]): row[3] for row in rows if row[2] == 0}
    for conversation, turn, step, content in rows:
        name, _, padding = content.lower().partition(" ")
        assert padding == "x" * (int(name.split(".")[2]) % 3000)
        assert content.lower() == questions[conversation, turn]
        kept[conversation, turn, step] = name
    assert all(
        (conversation, turn) in questions
        for conversation, last in turns.items()
        for turn in range(1, last + 1)
    )
    return kept
