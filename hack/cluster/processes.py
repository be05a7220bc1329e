"""Running the programs of the system: the one place that starts processes and waits for them.

A failure becomes a CommandError that ends with the last lines of what the program printed.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from hack.cluster.errors import ClusterError, CommandError

TAIL = 12  # lines of a failed program's output that are shown


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    log: Path | None = None,
) -> str:
    """Run to the end and return standard output; `env` is added to ours, `log` gets both outputs."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        name = " ".join(str(part) for part in command[:4])
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-TAIL:]
        where = f" (all of it: {log})" if log else ""
        raise CommandError("\n    ".join([f"`{name}` failed with status {done.returncode}{where}:", *lines]))
    return done.stdout


def succeeds(*command: str | Path, timeout: float | None = None) -> bool:
    """Whether the program is there and ends with status 0 in time; its output is dropped."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def wait_until(condition: Callable[[], bool], what: str, seconds: float, interval: float = 0.05) -> None:
    """Poll until the condition holds; ClusterError with `what` when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise ClusterError(f"{what} did not happen within {seconds:g} s")
        time.sleep(interval)
