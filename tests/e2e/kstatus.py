"""What kubectl, Flux and Argo CD make of our statuses: asked of the library whose rules they follow."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.cluster import Object

ROOT = Path(__file__).resolve().parents[2]


def statuses(objects: Sequence[Object]) -> list[str]:
    """Current, InProgress, Failed or Terminating for each of the objects."""
    hack = ["python3", str(ROOT / "hack/cluster"), "binaries", "kstatus"]
    folder = subprocess.run(hack, capture_output=True, text=True, check=True).stdout.strip()
    lines = "".join(json.dumps(one) + "\n" for one in objects)
    done = subprocess.run([f"{folder}/kstatus"], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
