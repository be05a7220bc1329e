"""The bridge, built as the image has it, and run as a sidecar runs it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from subprocess import DEVNULL, Popen

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "bridge"
SDK_SERVER = (sys.executable, "-m", "tests.integration.mcp.sdkserver", "--transport", "stdio")
HAS_GO = shutil.which("go") is not None


@functools.cache
def built() -> Path:
    """The program, made once; Go keeps what it compiled for the next time."""
    target = Path(tempfile.mkdtemp(prefix="gagarin-bridge-")) / "bridge"
    atexit.register(shutil.rmtree, target.parent)
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(target), "."]
    subprocess.run(command, cwd=SOURCES, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    return target


class Bridge:
    """One that serves `command` on `socket`."""

    def __init__(self, socket: Path, *command: str) -> None:
        self.socket = socket
        self._command = command or SDK_SERVER
        self._process: Popen[bytes] | None = None

    def start(self) -> None:
        """Run, and wait for the socket."""
        arguments = ["--socket", str(self.socket), "--", *self._command]
        self._process = Popen([built(), *arguments], cwd=ROOT, stderr=DEVNULL)
        while not self.socket.exists():
            assert self._process.poll() is None, "the bridge ended"
            time.sleep(0.01)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait()
