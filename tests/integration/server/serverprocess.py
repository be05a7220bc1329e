"""The real chat server as a process, with everything it needs in a temporary folder."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import msgspec

from gagarin.core import config as configuration
from gagarin.core.config import Auth, Config, ModelTarget, Provider, Timeouts
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.issuer import AUDIENCE
from tests.unit.server.upstream import Upstream

PATIENCE = 60.0
KEY_FILE = "team-a/openai/key"


def configured(upstream_url: str, **changed: Any) -> Config:
    """Instance team-a/helper with a model at `upstream_url`."""
    provider = Provider(
        name="openai",
        namespace="team-a",
        type="OpenAICompatible",
        url=f"{upstream_url}/v1",
        api_key_file=KEY_FILE,
        timeouts=Timeouts(connect=20.0, first_token=30.0, between_tokens=30.0, total=60.0),
    )
    members = {
        "schema_version": configuration.SCHEMA_VERSION,
        "name": "helper",
        "namespace": "team-a",
        "revision": "r1",
        "prompt": "You are helpful.",
        "model": ModelTarget(provider=provider, model="small"),
        "auth": Auth(audiences=(AUDIENCE,)),
        **changed,
    }
    return Config(**members)


class ServerProcess:
    """One run. `lines` are the log lines so far."""

    def __init__(self, folder: Path, api: ApiServer, upstream: Upstream, **changed: Any) -> None:
        self.folder = folder
        self.api = api
        self.config = configured(upstream.url, **changed)
        self.own_token = api.issuer.token("helper-agent", aud=["the-api-server"])
        self.lines: list[dict[str, Any]] = []
        self.url = self.ops_url = ""
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._more = asyncio.Event()

    async def start(self, *options: str) -> None:
        """Write the files, start, and wait until it is ready to serve."""
        self.write_files()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gagarin.server",
            *self.options(),
            *options,
            stdout=PIPE,
            env={**os.environ, "GAGARIN_TERMINATION_LOG": str(self.folder / "termination-log")},
        )
        self.lines = []
        self._reader = asyncio.create_task(self._read())
        ready = await self.line(message="ready to serve")
        scheme = "https" if self.config.tls else "http"
        self.url, self.ops_url = (
            f"{scheme}://127.0.0.1:{ready['port']}",
            f"http://127.0.0.1:{ready['ops_port']}",
        )

    def write_files(self) -> None:
        """The configuration, the provider's key and our own token."""
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "agent.json").write_text(configuration.encode(self.config))
        (self.folder / "token").write_text(self.own_token)
        self.write_key("first-key")

    def write_key(self, key: str) -> None:
        """Replace the Secret's file as the kubelet does."""
        self.write_secret(KEY_FILE, key)

    def write_secret(self, name: str, text: str) -> None:
        """Replace a file of the secrets folder."""
        file = self.folder / "secrets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(text)
        new.rename(file)

    def options(self) -> list[str]:
        """The command line."""
        return [
            *("--config", str(self.folder / "agent.json")),
            *("--secrets", str(self.folder / "secrets")),
            *("--data", str(self.folder / "data")),
            *("--host", "127.0.0.1", "--port", "0", "--ops-port", "0"),
            *("--api-server", self.api.url),
            *("--api-token-file", str(self.folder / "token")),
        ]

    async def line(self, **members: Any) -> dict[str, Any]:
        """The first log line with these members, waited for."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for line in self.lines:
                    if members.items() <= line.items():
                        return line
                assert self._reader is not None
                assert not self._reader.done(), "the server has ended"
                self._more.clear()
                await self._more.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """The exit status, waited for."""
        assert self._process is not None
        assert self._reader is not None
        async with asyncio.timeout(PATIENCE):
            status = await self._process.wait()
            await self._reader
        return status

    async def stop(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self.signal(signal.SIGTERM)
            await self.ended()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(msgspec.json.decode(line))
            self._more.set()
        self._more.set()
