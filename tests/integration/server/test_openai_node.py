"""The official Node client of OpenAI at a real chat server: see tests/integration/openai-node."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.integration.server.conftest import Start
from tests.unit.server.apiserver import ApiServer

PROJECT = Path(__file__).parents[1] / "openai-node"

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


async def run(folder: Path, *command: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **environment}, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_node_client_is_served(start: Start, api: ApiServer, tmp_path: Path) -> None:
    folder = tmp_path / "openai-node"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("node_modules"))
    status, output = await run(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    assert status == 0, output
    server = await start()
    status, output = await run(
        folder, "npm", "test", GAGARIN_URL=server.url, GAGARIN_TOKEN=api.issuer.token()
    )
    assert status == 0, output
    assert "# fail 0" in output
