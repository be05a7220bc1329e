"""`make demo` where no cluster can be made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_it_says_why_and_runs_the_same_manifests_without_one(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    # No Docker on the path, and kind is all that may be used: there is no way to a cluster.
    environment = os.environ | {"PATH": str(tmp_path), "CLUSTER": "kind", "XDG_CACHE_HOME": str(tmp_path)}
    demo = subprocess.run(
        [sys.executable, ROOT / "scripts/demo.py"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "no cluster can be made on this machine" in demo.stderr
    assert "kind needs a working Docker engine" in demo.stderr
    assert "hello /chat" in demo.stdout
    assert "You are a friendly greeter." in demo.stdout
