"""Putting back what somebody changed, without fighting.

The first correction of a child is immediate. Should the same child need the same manifest again soon,
somebody or something else wants it otherwise: each further correction waits twice as long, and from the third
on the Instance says `Conflicted`. It makes no difference whether the child was edited, deleted, or changed by
an admission plugin on its way in: what counts is that the same manifest was applied before.
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
    fingerprint: str
    corrections: int
    last: float


class Corrections:
    """What was applied lately, and how often it was put back. `now` gives seconds of a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records: dict[Key, _Record] = {}  # the oldest first

    def due_in(self, key: Key, fingerprint: str) -> float:
        """For how many seconds this manifest is not to be applied again; 0 when it may be now."""
        record = self._recent(key, fingerprint)
        if record is None or record.corrections == 0:
            return 0.0
        pause = min(FIRST_DELAY * 2.0 ** (record.corrections - 1), LONGEST_DELAY)
        return max(0.0, record.last + pause - self._now())

    def is_fight(self, key: Key, fingerprint: str) -> bool:
        """Was the child put back so often that a person should know?"""
        record = self._recent(key, fingerprint)
        return record is not None and record.corrections >= FIGHT

    def applied(self, key: Key, fingerprint: str) -> bool:
        """A manifest was applied. True if that put back what it had been before."""
        record = self._recent(key, fingerprint)
        self._forget_old()
        self._records.pop(key, None)
        corrections = record.corrections + 1 if record is not None else 0
        self._records[key] = _Record(fingerprint, corrections, self._now())
        return record is not None

    def _recent(self, key: Key, fingerprint: str) -> _Record | None:
        record = self._records.get(key)
        if record is None or record.fingerprint != fingerprint or self._is_old(record):
            return None
        return record

    def _forget_old(self) -> None:
        while self._records and self._is_old(self._records[key := next(iter(self._records))]):
            del self._records[key]

    def _is_old(self, record: _Record) -> bool:
        return self._now() - record.last > MEMORY
