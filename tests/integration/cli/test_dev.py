"""`gagarin dev` as a person runs it: a process, its output, and the chat servers it starts."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

ROOT = Path(__file__).resolve().parents[3]
QUICKSTART = ROOT / "manifests/examples/quickstart"
AGENT = """\
apiVersion: gagarin.fyodorov.ai/v1alpha1
kind: Agent
metadata: {name: greeter}
spec:
  prompt: Be brief.
  model: {providerRef: {name: models}, name: small}
"""
INSTANCE = """\
apiVersion: gagarin.fyodorov.ai/v1alpha1
kind: Instance
metadata: {name: hello}
spec: {agentRef: {name: greeter}}
"""
PROVIDER = """\
apiVersion: gagarin.fyodorov.ai/v1alpha1
kind: Provider
metadata: {name: models}
spec:
  type: OpenAI
  apiKey: {secretKeyRef: {name: openai, key: api-key}}
"""


class Dev(NamedTuple):
    """A running `gagarin dev`: where its Instance is, and the developer's token."""

    process: subprocess.Popen[str]
    url: str
    token: str


def dev(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gagarin.cli", "dev", "--port", "0", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(folder: Path) -> Iterator[Dev]:
    command = [sys.executable, "-m", "gagarin.cli", "dev", "--port", "0", "-f", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield _announced(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def _announced(process: subprocess.Popen[str]) -> Dev:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"cat (?P<token>\S+)\)\" (?P<url>http://\S+)/chat", line):
            return Dev(process, found["url"], Path(found["token"]).read_text(encoding="utf-8"))
    raise AssertionError("".join(said))


async def status_of(dev: Dev, headers: dict[str, str]) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(dev.url + "/chat", json={"input": "Hello"}, headers=headers) as response,
    ):
        return response.status


def test_the_quickstart_answers_without_a_cluster() -> None:
    done = dev("-f", QUICKSTART, "--say", "Hello!")
    assert done.returncode == 0, done.stderr
    chat, stream = [line for line in done.stdout.splitlines() if line.startswith("hello /")]
    for line in (chat, stream):
        assert "demo-small" in line
        assert "You are a friendly greeter." in line


async def test_the_chat_server_checks_tokens_as_in_a_cluster() -> None:
    with running(QUICKSTART) as served:
        assert await status_of(served, {"Authorization": f"Bearer {served.token}"}) == 200
        assert await status_of(served, {}) == 401
        assert await status_of(served, {"Authorization": f"Bearer {served.token[:-4]}AAAA"}) == 401


async def test_ending_it_ends_the_chat_servers() -> None:
    with running(QUICKSTART) as served:
        pass
    assert served.process.returncode == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_of(served, {})


def test_a_provider_without_its_key_is_answered_by_the_stub_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join((PROVIDER, AGENT, INSTANCE)), encoding="utf-8")
    done = dev("-f", tmp_path, "--say", "Hello!")
    assert "there is no Secret openai with the key api-key" in done.stdout
    assert "Be brief." in done.stdout


def test_what_the_operator_would_write_as_a_condition_is_said_here(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join((AGENT, INSTANCE)), encoding="utf-8")
    done = dev("-f", tmp_path)
    assert done.returncode == 1
    assert "ResolvedRefs=False RefNotFound" in done.stdout
    assert "models" in done.stdout
    assert "error: there is no Instance to run" in done.stderr


def test_a_file_that_is_no_manifest_ends_it_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(AGENT + "---\n[]\n", encoding="utf-8")
    done = dev("-f", tmp_path)
    assert done.returncode == 1
    assert "all.yaml:8:1: a manifest is a mapping" in done.stderr
    assert "Traceback" not in done.stderr
