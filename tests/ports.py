"""Ports for programs that want to be told one, and listen some moments later.

The system's own choice (port 0) is from the range out of which every connection takes its local port: while
tests run side by side, one of them may have it by then. These are below that range, and below node ports.
"""

from __future__ import annotations

import secrets
import socket

FIRST, LAST = 20_000, 29_999


def free(address: str = "127.0.0.1") -> int:
    """A port on which nothing listens now; another process of the test run hardly chooses the same one."""
    for _ in range(1000):
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)  # `random` begins alike in tests of Hypothesis
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port from {FIRST} to {LAST} is free at {address}")
