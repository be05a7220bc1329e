"""Where news from the cluster becomes work: store, graph and queue, always in this order.

Whoever learns something (a watch, a list, an answer to a GET) tells the intake, in any order and as often as
it likes; only what is new, and only what matters to somebody, reaches the queue.
"""

from __future__ import annotations

from gagarin.controller.plans import Plans
from gagarin.controller.store import Store, owner_of
from gagarin.controller.workqueue import WorkQueue
from gagarin.core.graph import OUR_KINDS, Graph, digest_of, references
from gagarin.core.objects import Key, Object, key_of


class Intake:
    """Takes news of objects that are ours, belong to ours, or are referred to by ours."""

    def __init__(self, store: Store, graph: Graph, queue: WorkQueue, plans: Plans) -> None:
        self.store = store
        self.graph = graph
        self.queue = queue
        self._plans = plans

    def seen(self, item: Object) -> None:
        """An object exists in this version."""
        key = key_of(item)
        before = self.store.get(key)
        owners = {owner_of(before) if before else None, owner_of(item)}
        if not self.store.put(item):
            return
        if self.graph.put(key, references(item), digest_of(item)):
            self._add_affected(key)
        self._add(key, owners)

    def gone(self, key: Key, version: int) -> None:
        """An object did not exist any more at this resource version."""
        self._took_away(key, self.store.drop(key, version))

    def ignored(self, key: Key) -> None:
        """An object concerns us no longer, though it may exist."""
        self._took_away(key, self.store.forget(key))

    def _took_away(self, key: Key, before: Object | None) -> None:
        if before is None:
            return
        self._add_affected(key)
        self.graph.drop(key)
        self._add(key, {owner_of(before)})

    def _add_affected(self, key: Key) -> None:
        for affected in self.graph.affected(key):
            self._plans.drop(affected)
            self.queue.add(affected)

    def _add(self, key: Key, owners: set[Key | None]) -> None:
        if key.kind in OUR_KINDS:
            self.queue.add(key)
        for owner in owners:
            if owner is not None and self.store.get(owner) is not None:
                self.queue.add(owner)
