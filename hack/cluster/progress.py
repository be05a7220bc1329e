"""Progress on standard error, one line a step: `==> building etcd ... 31.4 s`.

Standard output stays free for what a command answers (a path), so that scripts can use it.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """One line without a duration."""
    print(f"==> {message}", file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Name what is being done while it is being done, then how long it took. Steps do not nest."""
    print(f"==> {what} ...", end=" ", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", file=sys.stderr, flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
