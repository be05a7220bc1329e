"""Putting back what somebody changed, without fighting.

The first correction of a child is immediate. Should the same child need it again soon, somebody or something
else wants it otherwise: each further correction waits twice as long, and from the third on the Instance says
`Conflicted`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gagarin.core.objects import Key

FIRST_DELAY = 1.0
LONGEST_DELAY = 300.0
FIGHT = 3
MEMORY = 600.0  # after this many quiet seconds, a correction is the first one again


@dataclass(slots=True)
class _Record:
    count: int
    last: float


class Corrections:
    """How often each child was put back. `now` gives seconds of a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records: dict[Key, _Record] = {}

    def due_in(self, key: Key) -> float:
        """For how many seconds the child is to be left alone; 0 when it may be corrected now."""
        record = self._recent(key)
        if record is None:
            return 0.0
        return max(0.0, record.last + min(FIRST_DELAY * 2.0**record.count / 2, LONGEST_DELAY) - self._now())

    def is_fight(self, key: Key) -> bool:
        """Has the child been put back so often that a person should know?"""
        record = self._recent(key)
        return record is not None and record.count >= FIGHT

    def corrected(self, key: Key) -> None:
        """The child was put back."""
        self._records = {each: record for each, record in self._records.items() if self._is_recent(record)}
        record = self._records.setdefault(key, _Record(0, 0.0))
        record.count += 1
        record.last = self._now()

    def _recent(self, key: Key) -> _Record | None:
        record = self._records.get(key)
        return record if record is not None and self._is_recent(record) else None

    def _is_recent(self, record: _Record) -> bool:
        return self._now() - record.last <= MEMORY
