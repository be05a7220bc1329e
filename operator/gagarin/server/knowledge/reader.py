"""The process that reads one document: bytes in, JSON out, nothing else.

A parser that hangs, eats memory or dies takes this process with it and not the chats: it has limits of its
own, the lowest priority, and is the first one to go when the pod's memory runs out.

    python -m gagarin.server.knowledge.reader CONTENT_TYPE LOCATION < document > sections.json

Exit status 3: the document cannot be read; standard error says why in one line.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import msgspec

from gagarin.server.knowledge.formats import Unreadable, read

UNREADABLE = 3
CPU_SECONDS = 60
MEMORY_BYTES = 1024 * 1024 * 1024


def main() -> None:
    """Read standard input, write standard output."""
    _take_least()
    content_type, location = sys.argv[1:]
    try:
        document = read(sys.stdin.buffer.read(), content_type, location)
    except (Unreadable, MemoryError, RecursionError) as error:
        sys.stderr.write(str(error) or f"it is too large or too deep ({type(error).__name__})")
        sys.exit(UNREADABLE)
    sys.stdout.buffer.write(msgspec.json.encode(document))


def _take_least() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
