"""The operator without its process: its parts around a cluster in memory, moved step by step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gagarin.controller.children import Children
from gagarin.controller.events import Events
from gagarin.controller.feeds import Feed, other_collections, our_collections
from gagarin.controller.intake import Intake
from gagarin.controller.plans import Plans
from gagarin.controller.reconcile import Parts, Reconciler
from gagarin.controller.referents import Referents
from gagarin.controller.rollouts import Rollouts
from gagarin.controller.statuses import Statuses
from gagarin.controller.store import Store
from gagarin.controller.workqueue import WorkQueue
from gagarin.core.graph import Graph
from gagarin.core.objects import Key, Object
from gagarin.core.policy import Policy
from gagarin.core.render import RenderSettings
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.controller.clock import FakeTimers

NOW = datetime(2030, 1, 1, tzinfo=UTC)


ALLOWED = Policy()  # everything


class Bench:
    """`settle` does what the operator does until there is nothing left to do."""

    def __init__(
        self, cluster: FakeCluster | None = None, *, rollouts: int = 20, policy: Policy = ALLOWED
    ) -> None:
        self.settings = RenderSettings(image="chat:1")
        self.cluster = cluster or FakeCluster()
        self.timers = FakeTimers()
        self.queue = WorkQueue(self.timers, jitter=lambda: 1.0)
        self.store = Store()
        self.plans = Plans()
        self.intake = Intake(self.store, Graph(), self.queue, self.plans)
        self.referents = Referents(self.cluster, self.intake)
        self.rollouts = Rollouts(rollouts, self.queue.add)
        self.told: list[tuple[str, str]] = []
        self.events = RecordedEvents(self.cluster, self.told)
        clock = self.timers.time
        self.reconciler = Reconciler(
            Parts(
                cluster=self.cluster,
                store=self.store,
                intake=self.intake,
                plans=self.plans,
                referents=self.referents,
                children=Children(self.cluster, self.store, clock),
                rollouts=self.rollouts,
                statuses=Statuses(self.cluster, self.store, self.events, clock),
                settings=lambda: self.settings,
                policy=policy,
                now=lambda: NOW,
            )
        )
        scopes = (None,)
        collections = [*our_collections(scopes), *other_collections(scopes)]
        self.feeds = [Feed(at, self.cluster, self.intake, self.referents) for at in collections]

    async def settle(self) -> list[str]:
        """List everything and work on what that brings, until it brings nothing. Returns the writes."""
        before = len(self.cluster.writes)
        while True:
            for feed in self.feeds:
                await feed.refresh()
            if not await self.work():
                return self.cluster.writes[before:]

    async def work(self) -> int:
        """Work on the keys that wait. Returns how many there were."""
        count = 0
        while (key := self.queue.take()) is not None:
            count += 1
            try:
                again = await self.reconciler.reconcile(key)
                if again is not None:
                    self.queue.add_after(key, again)
            finally:
                self.queue.done(key)
        return count

    def condition(self, kind: str, name: str, condition: str = "Ready") -> tuple[str, str, str]:
        """Status, reason and message of a condition, as the cluster has it."""
        status = self.live(kind, name).get("status", {})
        found = {each["type"]: each for each in status.get("conditions", ())}[condition]
        return found["status"], found["reason"], found["message"]

    def live(self, kind: str, name: str, namespace: str = "demo") -> Object:
        return self.cluster.objects[Key(kind, namespace, name)]

    def names(self, kind: str) -> list[str]:
        return sorted(key.name for key in self.cluster.objects if key.kind == kind)


class RecordedEvents(Events):
    """Events that are only written down."""

    def __init__(self, cluster: FakeCluster, told: list[tuple[str, str]]) -> None:
        super().__init__(cluster, "test", lambda: NOW)
        self._told = told

    def tell(self, item: Object, transition: Any) -> None:
        self._told.append((f"{item['kind']} {item['metadata']['name']}", transition.reason))
