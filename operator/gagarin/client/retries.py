"""When a request is made once more, and after how long: only where that cannot do harm.

What never reached the Instance is tried again, what it refused for now (429 and 503 with `Retry-After`), and
what broke in the middle: reading and erasing may be done twice, and each question has an `Idempotency-Key`,
so that a repeat gets the first one's answer. What took too long is not: whoever set that limit waits no
longer.
"""

from __future__ import annotations

import random

from gagarin.client.errors import (
    ConnectionFailed,
    GagarinError,
    Interrupted,
    TimedOut,
    TooManyRequests,
    Unavailable,
)

LONGEST_WAIT = 30.0  # a budget that is spent until tomorrow is the caller's to know, not to wait for
FIRST_WAIT = 0.25


def wait_before_next(error: GagarinError, attempt: int) -> float | None:
    """Seconds until the request is made again after its `attempt`-th try (from 1); None: it is not."""
    if isinstance(error, (TooManyRequests, Unavailable)):
        wait = error.retry_after
        return wait if wait is not None and wait <= LONGEST_WAIT else None
    if isinstance(error, (ConnectionFailed, Interrupted)) and not isinstance(error, TimedOut):
        return backoff(attempt)
    return None


def backoff(attempt: int) -> float:
    """A wait that doubles with each attempt, by chance somewhat shorter, so that clients do not come
    together."""
    longest = min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 -- it spreads load, it hides nothing
