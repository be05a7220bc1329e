"""Changes of files, found by looking at them: names, times and sizes, a few times a second.

Looking costs a few microseconds a file, needs no library, and works on the network drives and container
mounts on which the kernel tells of no change. A change is told when the files have come to rest, so that one
that is half written is not taken; and looking may take at most a twentieth of the time, however many there
are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from gagarin.cli.errors import CommandError
from gagarin.cli.manifests import manifest_files

PAUSE = 0.15  # seconds
SHARE = 20

Snapshot = Mapping[Path, tuple[int, int, int]]


def snapshot(manifests: Path, others: Sequence[Path]) -> Snapshot:
    """What tells one state of the files from another. Those that are not there are not in it."""
    try:
        files = manifest_files(manifests)
    except (CommandError, OSError):
        files = []
    found = {}
    for file in (*files, *others):
        try:
            status = file.stat()
        except OSError:
            continue
        found[file] = (status.st_mtime_ns, status.st_ino, status.st_size)
    return found


async def changes(
    look: Callable[[], Snapshot], known: Snapshot, pause: float = PAUSE
) -> AsyncIterator[Snapshot]:
    """Each state of rest that is not the one before it, beginning after `known`."""
    previous = known
    while True:
        begun = time.perf_counter()
        seen = await asyncio.to_thread(look)
        took = time.perf_counter() - begun
        if seen != known and seen == previous:
            known = seen
            yield seen
        previous = seen
        await asyncio.sleep(max(pause, SHARE * took))
