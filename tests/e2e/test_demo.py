"""`make demo`: what the README shows is what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What differs between two runs, or between two kinds of cluster.
VARIES = {
    r"\d+\.\d s\b": "TIME",
    r"\b\d+[smh]\d*s?\b": "AGE",
    r" (created|configured|unchanged)$": " APPLIED",
    r"KUBECONFIG=\S+": "KUBECONFIG=FILE",
    r" {2,}": "  ",
}


@pytest.mark.alone  # it installs the charts
def test_the_transcript_in_the_readme_is_what_the_demo_prints() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("$ make demo\n", 1)[1].split("```", 1)[0]
    demo = subprocess.run(
        [sys.executable, ROOT / "scripts/demo.py"], capture_output=True, text=True, check=False
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert comparable(demo.stdout) == comparable(shown)


def comparable(transcript: str) -> list[str]:
    """The lines from the installation on, without what varies."""
    text = transcript[transcript.index("==> the charts") :].strip()
    for pattern, name in VARIES.items():
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return [line.rstrip() for line in text.splitlines()]
