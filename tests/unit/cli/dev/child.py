"""A child process for test_process: `python -m tests.unit.cli.dev.child MODE`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

MODES = {
    "ready": ['{"message": "starting"}', '{"message": "ready", "port": 7}'],
    "mute": [],
    "broken": ["no configuration"],
    "talkative": [
        '{"port": 7}',
        '{"level": "info", "message": "routine"}',
        '{"level": "error", "message": "trouble"}',
        "Traceback",
    ],
    "deaf": ['{"port": 7}'],
    "chatty": ['{"port": 7}'],
    "noisy": ['{"port": 7}'],
    "endless": ['{"port": 7}', "x" * 2**21, "after it"],
}


def say_goodbye(*_: object) -> None:
    """More than anybody keeps unread."""
    # Not by way of sys.stdout: the signal may come in the middle of its own writing.
    os.write(1, (b"x" * 2**19 + b"\n") * 8)
    sys.exit(5)


def make_noise(*_: object) -> None:
    """Without end."""
    while True:
        os.write(1, b"x" * 2**16)


def main(mode: str, folder: str = "") -> None:
    if mode == "once":  # ready the first time, broken ever after
        mark = Path(folder) / "mark"
        mode = "broken" if mark.exists() else "talkative"
        mark.touch()
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "noisy":
        signal.signal(signal.SIGTERM, make_noise)
    if mode == "chatty":
        signal.signal(signal.SIGTERM, say_goodbye)
    for line in MODES[mode]:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if mode not in ("broken", "talkative", "endless"):
        while True:  # no signal.pause(): it would wait for the next signal, if this one came just before
            time.sleep(0.02)
    sys.exit(3)


if __name__ == "__main__":
    main(*sys.argv[1:])
