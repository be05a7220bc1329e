"""From nothing to an answered chat: a local cluster, the charts, the quickstart, one conversation.

Safe to run again: every step finds out whether there is anything left to do. Uses the kubeconfig of the
local cluster only; `CLUSTER=existing` takes the current context instead, because it was asked for. Where no
cluster can be made the same manifests run without one (`gagarin dev`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "manifests/examples/quickstart"
CALLER = QUICKSTART / "caller"
IMAGE = "gagarin.local/gagarin:dev"
SYSTEM = "gagarin-system"
NAMESPACE = "gagarin-quickstart"
INSTANCE = "hello"
NO_CLUSTER_POSSIBLE = 3


class StepFailed(Exception):
    """A command of a step failed; holds what it printed."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says what is being done and, when it is done, how long it took."""
    print(f"==> {what}", flush=True)
    start = time.monotonic()
    yield
    print(f"    {time.monotonic() - start:.1f} s", flush=True)


def output(*command: str | Path) -> str:
    """What the command prints. Raises `StepFailed` with everything it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StepFailed(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout.strip()


def cluster(*arguments: str) -> list[str]:
    """The command line of the local cluster's tool."""
    return ["python3", str(ROOT / "hack/cluster"), *arguments]
