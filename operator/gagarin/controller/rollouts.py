"""How many Instances roll at once.

A prompt, a model or an image that a thousand Instances share must not restart a thousand pods in one moment.
Only replacing running pods counts; new Instances and new replica numbers do not wait. What is rolling is read
from the Deployments themselves, so that a restarted operator goes on counting where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from gagarin.core.objects import Key, Object


def is_settled(deployment: Object) -> bool:
    """Has the newest revision been rolled out, or given up (progressDeadlineSeconds)?"""
    status, spec = deployment.get("status", {}), deployment["spec"]
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return False
    if any(_has_given_up(condition) for condition in status.get("conditions", ())):
        return True
    wanted = spec.get("replicas", 1)
    counts = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas"))
    return all(count == wanted for count in counts)


class Rollouts:
    """Lets at most `limit` Instances roll; the others are woken, first come first served."""

    def __init__(self, limit: int, wake: Callable[[Key], None]) -> None:
        self._limit = limit
        self._wake = wake
        self._rolling: set[Key] = set()
        self._waiting: dict[Key, None] = {}  # an ordered set

    def recover(self, rolling: Iterable[Key]) -> None:
        """Count what was rolling before we started."""
        self._rolling.update(rolling)

    def admit(self, instance: Key) -> bool:
        """May the Instance roll now? If not, it is woken when it may."""
        if instance in self._rolling:
            return True
        if len(self._rolling) >= self._limit:
            self._waiting.setdefault(instance)
            return False
        self._waiting.pop(instance, None)
        self._rolling.add(instance)
        return True

    def leave(self, instance: Key) -> None:
        """The Instance does not roll, or no longer, and does not wait for it: the next one may."""
        self._waiting.pop(instance, None)
        self._rolling.discard(instance)
        free = self._limit - len(self._rolling)
        for woken in list(islice(self._waiting, max(free, 0))):
            self._wake(woken)

    @property
    def rolling(self) -> int:
        """How many roll now."""
        return len(self._rolling)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)


def _has_given_up(condition: Object) -> bool:
    return condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded"
