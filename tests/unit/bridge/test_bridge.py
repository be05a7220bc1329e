"""The bridge passes its own tests, and serves a server of the official SDK to another user."""

from __future__ import annotations

import os
import subprocess
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest

from tests.unit.bridge.running import HAS_GO, SOURCES, Bridge, built

pytestmark = pytest.mark.skipif(not HAS_GO, reason="the bridge is built with Go")

GREET = """
import json, os, socket, sys
os.setgid(65534); os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
lines = peer.makefile("rw", buffering=1)
info = {"name": "test", "version": "1"}
params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
lines.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}) + "\\n")
print(json.loads(lines.readline())["result"]["serverInfo"]["name"])
"""


def go(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=SOURCES, capture_output=True, text=True, check=False)


def test_its_sources_are_formatted_and_vetted() -> None:
    assert go("gofmt", "-l", ".").stdout == ""
    vetted = go("go", "vet", "./...")
    assert vetted.returncode == 0, vetted.stderr


def test_its_own_tests_pass() -> None:
    tested = go("go", "test", "./...")
    assert tested.returncode == 0, tested.stdout


def test_it_needs_nothing_of_the_image_it_is_put_into() -> None:
    with built().open("rb") as program:
        assert b"/lib64/ld-linux" not in program.read(4096)
    assert "require" not in (SOURCES / "go.mod").read_text()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
async def test_another_user_of_the_pod_reaches_a_server_of_the_sdk(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    bridge = Bridge(tmp_path / "s")
    bridge.start()
    peer = await create_subprocess_exec(sys.executable, "-c", GREET, bridge.socket, stdout=PIPE, stderr=PIPE)
    greeting, complaint = await peer.communicate()
    assert greeting == b"sdk\n", complaint
    assert bridge.stop() == 0
