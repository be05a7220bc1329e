"""The description of the API is true: a tester that makes requests from it, right ones and wrong ones, finds
no answer that it does not describe.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT

import aiohttp

from tests.integration.server.conftest import Start
from tests.unit.server.apiserver import ApiServer

EXAMPLES = "8"  # for each operation and phase


async def test_what_is_answered_is_what_is_described(
    start: Start, http: aiohttp.ClientSession, api: ApiServer, caller: dict[str, str]
) -> None:
    server = await start()
    tester = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
        *("--header", f"Authorization: {caller['Authorization']}", "--exclude-path", "/ws"),
        *("--max-examples", EXAMPLES, "--generation-deterministic", "--no-color", "--warnings", "off"),
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.integration.server.apitester"},
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await tester.communicate()
    assert tester.returncode == 0, output.decode()
    assert b" passed" in output
    async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=caller) as response:
        assert response.status == 200
    assert not [line for line in server.lines if "trace" in line]
