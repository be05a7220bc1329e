"""`make demo`: what the README shows of it is what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKING = "==> asking from a pod"
# What differs between two runs, or between two kinds of cluster.
VARIES = {
    r"\d+\.\d s\b": "TIME",
    r"\b\d+[smh]\d*s?\b": "AGE",
    r" {2,}": "  ",
}


@pytest.mark.alone  # it installs the charts
def test_the_transcript_in_the_readme_is_what_the_demo_prints() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    begin = readme.index(ASKING)
    shown = comparable(readme[begin : readme.index("```", begin)])
    demo = subprocess.run(
        [sys.executable, ROOT / "scripts/demo.py"], capture_output=True, text=True, check=False
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    printed = iter(comparable(demo.stdout[demo.stdout.index(ASKING) :]))
    for line in shown:
        assert any(is_short_for(line, each) for each in printed), line


def is_short_for(shown: str, printed: str) -> bool:
    """A line of the README may break off, and says so."""
    return printed.startswith(shown.removesuffix("...")) if shown.endswith("...") else printed == shown


def comparable(transcript: str) -> list[str]:
    """The lines without what varies."""
    for pattern, name in VARIES.items():
        transcript = re.sub(pattern, name, transcript)
    return [line.strip() for line in transcript.splitlines()]
