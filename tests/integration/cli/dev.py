"""A running `gagarin dev` for tests: a process, and the events that it prints."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 60.0


class Dev:
    """`url` and `token` are those of the Instance that was ready first."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        first = self.until("ready")
        self.url: str = first["url"]
        self.token = Path(first["token_file"]).read_text(encoding="utf-8")
        self.until("following")

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._queue.put(line)
        self._queue.put(None)

    def until(self, event: str, **values: str) -> dict[str, Any]:
        """The next such event."""
        while True:
            line = self._queue.get(timeout=PATIENCE)
            assert line is not None, self.events
            found: dict[str, Any] = json.loads(line)
            self.events.append(found)
            if found["event"] == event and all(found.get(name) == value for name, value in values.items()):
                return found

    def ready(self, name: str) -> dict[str, Any]:
        """What was said last of an Instance that is ready."""
        return next(
            each for each in reversed(self.events) if each["event"] == "ready" and each["name"] == name
        )

    def children(self) -> dict[str, int]:
        """The processes that it has started: their ids, by module and port."""
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                command = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if parent == str(self.process.pid) and "gagarin.cli.dev.attached" in command:
                module = command[command.index("gagarin.cli.dev.attached") + 1]
                found[f"{module} {command[command.index('--port') + 1]}"] = int(folder.name)
        return found

    async def ask(
        self, text: str, conversation: str | None = None, name: str | None = None
    ) -> dict[str, Any]:
        """What an Instance answers."""
        url, token = self.url, self.token
        if name is not None:
            ready = self.ready(name)
            url, token = ready["url"], Path(ready["token_file"]).read_text(encoding="utf-8")
        body = {"input": text} | ({"conversation": conversation} if conversation else {})
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/chat", json=body, headers=headers) as response,
        ):
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer


@contextmanager
def running(folder: Path, *options: str, **environment: str) -> Iterator[Dev]:
    """`gagarin dev` of a folder, while the block runs. Its state is in the folder's parent."""
    command = [sys.executable, "-m", "gagarin.cli", "dev", "-f", str(folder), "-o", "json"]
    command += options or ("--port", "0")
    variables = os.environ | {"XDG_STATE_HOME": str(folder.parent / "state")} | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            yield Dev(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
