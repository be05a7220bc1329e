"""One message to each running Instance, by both ways: `gagarin dev --say`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gagarin.cli.errors import CommandError
from gagarin.cli.process import Echo

ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Served:
    """One running Instance and how the developer reaches it."""

    name: str
    url: str
    token: str
    token_file: Path


async def converse(served: Sequence[Served], say: str, echo: Echo) -> int:
    """Says it to `/chat` and `/stream` of each; 0, or a `CommandError` at the first that fails."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for one in served:
            chat = await _post(session, one, "/chat", {"input": say}, "application/json")
            echo(f"{one.name} /chat    {chat}")
            stream = await _post(session, one, "/stream", {"input": say}, "text/plain")
            echo(f"{one.name} /stream  {stream}")
    return 0


async def _post(
    session: aiohttp.ClientSession, served: Served, path: str, body: dict[str, str], accept: str
) -> str:
    headers = {"Authorization": f"Bearer {served.token}", "Accept": accept}
    async with session.post(served.url + path, json=body, headers=headers) as response:
        text = await response.text()
    if response.status != 200:
        raise CommandError(f"{served.name} answered {response.status} to {path}: {text}")
    return text
