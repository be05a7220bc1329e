"""The processes of a benchmark, and what the kernel says they used.

Their output goes to files: a pipe that nobody empties would stop them, and emptying it would cost the load
client time.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 60.0
_POLL = 0.001


class ProcessError(RuntimeError):
    """A process ended, or did not become ready; the message has its last words."""


class Memory(NamedTuple):
    """Resident and proportional set size, in bytes."""

    rss: int
    pss: int


def announced(text: str) -> dict[str, Any] | None:
    """The JSON line with a `port` that our own programs print when they are ready."""
    for line in text.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("}\n"):
            value = json.loads(line)
            if isinstance(value.get("port"), int):
                return dict(value)
    return None


class Process:
    """A running process. `ready` is what it announced in its output, among it its `port`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        announcement: Callable[[str], dict[str, Any] | None] = announced,
    ) -> None:
        self.started = time.perf_counter()
        self._log = log
        self._announcement = announcement
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        try:
            self.ready = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> dict[str, Any]:
        while time.perf_counter() - self.started < _PATIENCE:
            found = self._announcement(self._log.read_text(errors="replace"))
            if found is not None:
                return found
            if self._process.poll() is not None:
                break
            time.sleep(_POLL)
        raise self._failure("did not become ready")

    def _failure(self, what: str) -> ProcessError:
        return ProcessError(f"{self._process.args!r} {what}:\n{self._log.read_text()[-2000:]}")

    @property
    def port(self) -> int:
        """Where it serves."""
        return int(self.ready["port"])

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far, in steps of a clock tick (10 ms)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> Memory:
        """What it holds now."""
        text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        sizes = {name: int(rest.split()[0]) for name, _, rest in map(_split, text.splitlines()[1:])}
        return Memory(sizes["Rss"] * 1024, sizes["Pss"] * 1024)

    def peak_memory(self) -> int:
        """The most that was resident so far, in bytes (VmHWM)."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def stop(self) -> None:
        """End it, kindly at first."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
