"""One message to each running Instance, by both ways: `gagarin dev --say`."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from gagarin.cli.dev.report import Report, Served
from gagarin.cli.errors import CommandError

ANSWER_SECONDS = 120


async def converse(served: Sequence[Served], say: str, report: Report) -> int:
    """Says it to `/chat` and `/stream` of each; 0, or a `CommandError` at the first that fails."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for one in served:
            for path, accept in (("/chat", "application/json"), ("/stream", "text/plain")):
                answer = await _post(session, one, path, say, accept)
                message = f"{one.name} {path:<8} {answer}"
                report.tell("answer", "ready", message, name=one.name, path=path, answer=answer)
    return 0


async def _post(session: aiohttp.ClientSession, served: Served, path: str, say: str, accept: str) -> str:
    token = _token(served)
    async with session.post(
        served.url + path,
        json={"input": say},
        headers={"Authorization": f"Bearer {token}", "Accept": accept},
        ssl=ssl.create_default_context(cafile=served.ca_file) if served.ca_file else True,
        server_hostname=served.server_name,
    ) as response:
        text = await response.text()
    if response.status != 200:
        raise CommandError(f"{served.name} answered {response.status} to {path}: {text}")
    return text


def _token(served: Served) -> str:
    return Path(served.token_file).read_text(encoding="utf-8")
