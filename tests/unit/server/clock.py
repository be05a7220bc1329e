"""A clock that moves when a test says so."""

from __future__ import annotations


class Clock:
    """Call it for the time in seconds."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds
