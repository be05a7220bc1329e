"""Writing the status of our resources: when it changed, and not more often than it helps.

News is written at once. What changes in passing while pods start (a count, the wording of a message, one way
of not being ready yet for another) is held back for a while, so that a fresh Instance costs two writes and
not one for every pod event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gagarin.controller.cluster import Cluster
from gagarin.controller.events import Events
from gagarin.controller.store import Store
from gagarin.core.names import FIELD_MANAGER
from gagarin.core.objects import Key, Object, key_of
from gagarin.core.status import transitions
from gagarin.kube.errors import Conflict, NotFound

PASSING_SECONDS = 10.0


class Statuses:
    """Writes statuses. `now` gives seconds of a monotonic clock."""

    def __init__(self, cluster: Cluster, store: Store, events: Events, now: Callable[[], float]) -> None:
        self._cluster = cluster
        self._store = store
        self._events = events
        self._now = now
        self._held: dict[Key, float] = {}  # since when a passing change waits

    async def write(self, item: Object, new: dict[str, Any]) -> float | None:
        """Make `new` the status of `item`. Returns the seconds after which to ask again if it is held
        back."""
        key, old = key_of(item), item.get("status") or {}
        if new == old:
            self._held.pop(key, None)
            return None
        if _news(old) == _news(new):
            waits = self._held.setdefault(key, self._now()) + PASSING_SECONDS - self._now()
            if waits > 0:
                return waits
        written = await self._apply(item, new)
        self._held.pop(key, None)
        if written is not None:
            self._store.put(written)
            for transition in transitions(old, new):
                self._events.tell(written, transition)
        return None

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._held.pop(key, None)

    async def _apply(self, item: Object, status: dict[str, Any]) -> Object | None:
        """None when the object is gone, or another one has its name: then its own news will come."""
        metadata = {name: item["metadata"][name] for name in ("name", "namespace", "uid")}
        change = {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "metadata": metadata,
            "status": status,
        }
        try:
            return await self._cluster.apply(change, field_manager=FIELD_MANAGER, subresource="status")
        except (NotFound, Conflict):
            return None


def _news(status: dict[str, Any]) -> tuple[Any, ...]:
    """The part of a status that programs and people wait for."""
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    starting = {"Ready", "Reconciling"} if "Reconciling" in conditions else ()
    return (
        *(status.get(name) for name in ("observedGeneration", "revision")),
        *((name, each["status"], name in starting or each["reason"]) for name, each in conditions.items()),
    )
