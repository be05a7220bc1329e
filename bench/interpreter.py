"""The Python that is measured: Debian's 3.11, as in the image, with the image's locked packages.

It gets an environment of its own in the user's cache, made once per lock file. Without a Debian Python the
one that runs the benchmarks is measured instead, and the first line of the output says which it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DEBIAN = Path("/usr/bin/python3.11")
LOCK = ROOT / "locks" / "image.txt"


# What would change how programs behave: our options, tracing, a proxy between processes of one machine.
_OURS = re.compile("GAGARIN_|OTEL_|.*_proxy$", re.IGNORECASE)


class Interpreter(NamedTuple):
    """A Python with the packages of the image."""

    python: Path
    description: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes: this tree's package, nothing of ours from outside."""
        inherited = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
        return {**inherited, "PYTHONPATH": str(ROOT / "operator")}


def cache() -> Path:
    """The folder for what is made once."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "gagarin" / "bench"


def find() -> Interpreter:
    """The interpreter to measure, with its bytecode compiled."""
    chosen = environment_from(LOCK)
    version = subprocess.run([chosen, "-VV"], check=True, capture_output=True, text=True).stdout.split(" (")[
        0
    ]
    kind = "Debian's" if DEBIAN.exists() else "not Debian's, which is absent"
    found = Interpreter(chosen, f"{version.strip()} ({kind})")
    compile_all: list[str | Path] = [chosen, "-m", "compileall", "-q", str(ROOT / "operator" / "gagarin")]
    subprocess.run(compile_all, check=True)
    return found


def environment_from(lock: Path) -> Path:
    """The Python of an environment with what a lock file names; without Debian's, our own for the image."""
    if not DEBIAN.exists() and lock == LOCK:
        return Path(sys.executable)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = cache() / f"venv-{digest}"
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        sys.stderr.write(f"making {folder} from {lock.name}\n")
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--python", DEBIAN if DEBIAN.exists() else sys.executable, folder)
        _uv(
            "pip",
            "install",
            "--python",
            python,
            "--require-hashes",
            "--no-deps",
            "--compile-bytecode",
            "-r",
            lock,
        )
        done.touch()
    return python


def _uv(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=True)
