"""A child process for test_process: `python -m tests.unit.cli.child MODE`."""

from __future__ import annotations

import signal
import sys

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
}


def main(mode: str) -> None:
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in MODES[mode]:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if mode not in ("broken", "talkative"):
        signal.pause()
    sys.exit(3)


if __name__ == "__main__":
    main(sys.argv[1])
