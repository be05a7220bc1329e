"""What the operator tells Prometheus about itself."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gagarin.controller.rollouts import Rollouts
from gagarin.controller.store import Store
from gagarin.controller.workqueue import WorkQueue
from gagarin.core.graph import OUR_KINDS
from gagarin.core.objects import Object

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one operator, in a registry of their own."""

    def __init__(self, queue: WorkQueue, store: Store, rollouts: Rollouts) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reconciling = Histogram(
            "gagarin_reconcile_seconds",
            "Time to reconcile one resource.",
            ["kind"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.errors = self._counter(
            "gagarin_reconcile_errors",
            "Reconciliations that failed and are tried again, by the API server's reason.",
            ["kind", "reason"],
        )
        self.writes = self._counter(
            "gagarin_api_writes", "Requests that write, answered or not.", ["verb", "kind"]
        )
        self.watch_failures = self._counter(
            "gagarin_watch_failures", "Watches that broke off and were begun again.", ["resource"]
        )
        self.resyncing = Histogram(
            "gagarin_resync_seconds", "Time to list everything again.", registry=self.registry
        )
        self.leader = Gauge("gagarin_leader", "1 while this process holds the Lease.", registry=self.registry)
        self.registry.register(_State(queue, store, rollouts))

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


class _State(Collector):
    """What is counted when it is asked for."""

    def __init__(self, queue: WorkQueue, store: Store, rollouts: Rollouts) -> None:
        self._queue = queue
        self._store = store
        self._rollouts = rollouts

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("gagarin_queue_depth", "Resources that wait.", self._queue.depth)
        yield GaugeMetricFamily(
            "gagarin_queue_oldest_seconds", "The longest wait of these.", self._queue.oldest_wait()
        )
        yield GaugeMetricFamily("gagarin_rollouts_active", "Instances rolling out.", self._rollouts.rolling)
        yield GaugeMetricFamily(
            "gagarin_rollouts_waiting", "Instances waiting to roll out.", self._rollouts.waiting
        )
        objects = GaugeMetricFamily(
            "gagarin_objects",
            "Resources by kind, readiness and its reason.",
            labels=["kind", "ready", "reason"],
        )
        for labels, count in sorted(self._readiness().items()):
            objects.add_metric(labels, count)
        yield objects

    def _readiness(self) -> Tally[tuple[str, str, str]]:
        found: Tally[tuple[str, str, str]] = Tally()
        for kind in OUR_KINDS:
            for key in self._store.keys(kind):
                found[kind, *_ready(self._store.get(key) or {})] += 1
        return found


def _ready(item: Object) -> tuple[str, str]:
    conditions = item.get("status", {}).get("conditions", ())
    ready: Object = next((each for each in conditions if each["type"] == "Ready"), {})
    return ready.get("status", "Unknown"), ready.get("reason", "")
