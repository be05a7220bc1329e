"""Exclusive locks between processes; the kernel drops them with the process, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster.progress import say


@contextmanager
def exclusive(file: Path, others: str) -> Iterator[None]:
    """Hold the lock of `file`; while waiting for it, say that it is `others` who have it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {others}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
