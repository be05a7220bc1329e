"""A program that stands for kubectl: it writes down how it was called, and says what a test wants."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


class Kubectl:
    """First in the PATH. `says` is its output, `then` what it does after that (Python)."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def says(self, output: str, then: str = "") -> None:
        """What the next calls do."""
        program = self._folder / "kubectl"
        program.write_text(
            f"#!{sys.executable}\n"
            "import sys, signal, pathlib\n"
            f"pathlib.Path({str(self._folder / 'called')!r}).write_text('\\n'.join(sys.argv[1:]))\n"
            f"sys.stdout.write({output!r})\n"
            f"sys.stdout.flush()\n{then}\n"
        )
        program.chmod(0o755)

    @property
    def called(self) -> list[str]:
        """The arguments of the last call."""
        return (self._folder / "called").read_text().splitlines()
