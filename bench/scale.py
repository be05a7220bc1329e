"""A thousand Instances on a real control plane, whose nodes only pretend: what they cost the operator.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are real; pods become ready on kwok's nodes
without running. The operator is a process of its own and is measured from outside. What its work is held
against is `kubectl apply --server-side` of the same children, rendered, on a control plane that is as empty.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.interpreter import Interpreter
from bench.mirror import Mirror, mirrors
from bench.operatorprocess import OperatorProcess
from bench.population import NAMESPACE, PROMPT, children, instances, namespace, pairs, secret, shared
from bench.results import Measurement
from gagarin.api.crd import crds
from gagarin.core.names import SECRETS_REVISION
from gagarin.core.objects import Object
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import from_kubeconfig
from gagarin.kube.resources import BY_KIND, INSTANCE, POD
from tests.integration.controlplane import ControlPlane, binaries

PODS_OF_A_NODE = 900
POLL_SECONDS = 0.5  # its metrics cost the operator CPU
AT_ONCE = 32  # requests of the benchmark itself
RESYNC_SECONDS = 20
REST_RESYNCS = 3
PATIENCE = 900.0
SLOWEST = 3  # Instances a second that a machine with other things to do brings about
KINDS = frozenset(child["kind"] for child in children(1))
PROGRAMS = ("kube-scheduler", "kwok", "kubectl")
NOTE = (
    "operator: no client limit but 16 workers; kube-controller-manager and kube-scheduler: QPS 300; "
    "kubectl: its own limits; all on the cores of one machine"
)


class TooSlowError(RuntimeError):
    """Something did not come to be in the time that was given."""


@dataclass(slots=True)
class Watcher:
    """Samples the operator while something goes on."""

    operator: OperatorProcess
    patience: float = PATIENCE
    oldest: float = 0.0
    cpu: float = 0.0
    writes: int = 0
    seconds: float = 0.0
    _began: tuple[float, float, int] = field(default=(0.0, 0.0, 0))

    def __enter__(self) -> Watcher:
        self._began = (time.perf_counter(), self.operator.cpu_seconds(), self.operator.writes())
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = self.operator.cpu_seconds() - self._began[1]
        self.writes = self.operator.writes() - self._began[2]

    async def until(self, holds: Callable[[], AsyncIterator[bool]], what: str) -> None:
        """Wait, and remember how long that took and how long a key ever waited."""
        deadline = self._began[0] + self.patience
        async for done in holds():
            self.oldest = max(self.oldest, self.operator.metrics().get("gagarin_queue_oldest_seconds", 0.0))
            if done:
                self.seconds = time.perf_counter() - self._began[0]
                return
            if time.perf_counter() > deadline:
                raise TooSlowError(f"{what} did not come to be in {self.patience:.0f} s")
            await asyncio.sleep(POLL_SECONDS)


def scale(python: Interpreter, count: int, objects: int) -> Iterator[Measurement]:
    """So many Instances that run, and then so many resources of ours in all."""
    by_hand = _by_hand(count)
    with _plane(count) as plane, tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        steps = _Bench(plane, python, Path(folder), count, objects, by_hand).run()
        with suppress(StopAsyncIteration):
            while True:
                yield runner.run(_next(steps))


async def _next(steps: AsyncIterator[Measurement]) -> Measurement:
    return await anext(steps)


def _by_hand(count: int) -> float:
    """Seconds that kubectl takes to apply the children of so many Instances."""
    with _plane(count) as plane:
        assert plane.call("POST", "/api/v1/namespaces", namespace()).status == 201
        file = plane.folder / "children.json"
        items = {"apiVersion": "v1", "kind": "List", "items": children(count)}
        file.write_bytes(msgspec.json.encode(items))
        kubectl = binaries(*PROGRAMS) / "kubectl"
        command: list[str | Path] = [kubectl, "--kubeconfig", plane.kubeconfig, "apply"]
        began = time.perf_counter()
        subprocess.run([*command, "--server-side", "-f", file], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


@contextmanager
def _plane(count: int) -> Iterator[ControlPlane]:
    """An empty cluster with our resources and room for so many pods twice."""
    binaries(*PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        plane = ControlPlane(Path(folder))
        try:
            plane.start()
            plane.start_controllers()
            plane.start_nodes(2 * count // PODS_OF_A_NODE + 1)
            for crd in crds():
                plane.apply(crd, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
            plane.until(INSTANCE.path(), lambda _: True)
            yield plane
        finally:
            plane.stop()


@dataclass(slots=True)
class _Bench:
    plane: ControlPlane
    python: Interpreter
    folder: Path
    count: int
    objects: int
    by_hand: float
    client: KubeClient = field(init=False)
    mirrors: dict[str, Mirror] = field(init=False)

    async def run(self) -> AsyncIterator[Measurement]:
        async with KubeClient(from_kubeconfig(self.plane.kubeconfig)) as self.client:
            await self._create([namespace(), *shared()])
            kinds = [BY_KIND[kind] for kind in KINDS]
            async with mirrors(self.client, NAMESPACE, [INSTANCE], [*kinds, POD]) as self.mirrors:
                async for measured in self._measure():
                    yield measured

    async def _measure(self) -> AsyncIterator[Measurement]:
        with self._operator("first.log") as operator:
            async for measured in self._fresh(operator):
                yield measured
            yield await self._rotated(operator)
            async for measured in self._edited(operator):
                yield measured
            await self._fill(operator)
            async for measured in self._at_rest(operator):
                yield measured
        async for measured in self._restarted():
            yield measured

    async def _fresh(self, operator: OperatorProcess) -> AsyncIterator[Measurement]:
        with Watcher(operator) as watcher:
            await self._create(instances(self.count))
            await watcher.until(lambda: self._all_there(KINDS, self.count), "all children")
            seconds = watcher.seconds
            await watcher.until(self._all_ready, "all Instances ready")
        yield self._line(
            "children", seconds, "s", versus="kubectl apply --server-side", reference=self.by_hand, note=NOTE
        )
        yield self._line("ready", watcher.seconds, "s")
        made = f"children: {len(KINDS)}"
        yield self._line("writes_per_instance", watcher.writes / self.count, "", note=made)
        yield self._line("extra_writes_per_instance", watcher.writes / self.count - len(KINDS), "", note=made)
        yield self._line("queue_age", watcher.oldest, "s", note="the longest wait of a key")
        yield self._line("cpu_per_instance", watcher.cpu / self.count * 1000, "ms")
        yield self._line("memory", operator.peak_memory() / 1e6, "MB", note="peak RSS")

    async def _rotated(self, operator: OperatorProcess) -> Measurement:
        with Watcher(operator) as watcher:
            await self.client.apply(secret("second"), field_manager="bench")
            await watcher.until(self._all_told, "all pods told")
        note = f"{watcher.writes} writes for {self.count} pods; a kubelet takes 0.5 s more"
        return self._line("rotated_key", watcher.seconds, "s", note=note)

    async def _edited(self, operator: OperatorProcess) -> AsyncIterator[Measurement]:
        with Watcher(operator) as watcher:
            for item in shared(prompt=PROMPT + "Be brief."):
                if item["kind"] == "Agent":
                    await self.client.apply(item, field_manager="bench")
            await watcher.until(self._all_rolled, "all Instances rolled out")
        note = "20 Instances roll at once; the deployment controller and kwok set the pace"
        yield self._line("edited_prompt", watcher.seconds, "s", note=note)
        yield self._line("edited_prompt.writes_per_instance", watcher.writes / self.count, "")
        yield self._line("edited_prompt.cpu_per_instance", watcher.cpu / self.count * 1000, "ms")

    async def _fill(self, operator: OperatorProcess) -> None:
        """Suspended Instances, which have all children and no pods, each with an Agent of its own."""
        more = max(0, self.objects - self.count - 2) // 2
        await self._create(pairs(more))
        with Watcher(operator, PATIENCE + more / SLOWEST) as watcher:
            await watcher.until(lambda: self._all_there(["Deployment"], self.count + more), "all Deployments")
            await watcher.until(lambda: self._settled(operator), "the operator at rest")

    async def _at_rest(self, operator: OperatorProcess) -> AsyncIterator[Measurement]:
        began = operator.metrics()["gagarin_resync_seconds_count"]
        with Watcher(operator) as watcher:
            await asyncio.sleep(REST_RESYNCS * RESYNC_SECONDS)  # asking for metrics would cost CPU
        resyncs = operator.metrics()["gagarin_resync_seconds_count"] - began
        known = f"{self.objects} resources of ours, {len(self._items('Pod'))} pods"
        yield self._line("rest.resync_cpu", watcher.cpu / max(resyncs, 1), "s", note=known)
        yield self._line("rest.writes", watcher.writes, "", note=f"{resyncs:.0f} resyncs")
        yield self._line("rest.memory", operator.memory().rss / 1e6, "MB", note="RSS")

    async def _restarted(self) -> AsyncIterator[Measurement]:
        began = time.perf_counter()
        with self._operator("second.log") as operator:
            active = time.perf_counter() - began
            with Watcher(operator) as watcher:
                await watcher.until(lambda: self._settled(operator), "the operator at rest")
            yield self._line("restart.active", active, "s", note="exec to active, everything listed")
            yield self._line("restart.settled", active + watcher.seconds, "s", note="all looked at")
            yield self._line("restart.writes", operator.writes(), "")
            yield self._line("restart.cpu", operator.cpu_seconds(), "s")
            yield self._line("restart.memory", operator.peak_memory() / 1e6, "MB", note="peak RSS")

    def _operator(self, log: str) -> OperatorProcess:
        resync = ("--resync-seconds", str(RESYNC_SECONDS))
        return OperatorProcess(self.python, self.plane.kubeconfig, self.folder / log, *resync)

    async def _create(self, items: Iterable[Object]) -> None:
        waiting = iter(items)

        async def some() -> None:
            for item in waiting:
                await self.client.create(BY_KIND[item["kind"]], item)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())

    def _items(self, kind: str) -> list[Object]:
        return list(self.mirrors[kind].items.values())

    async def _all_there(self, kinds: Iterable[str], count: int) -> AsyncIterator[bool]:
        while True:
            yield all(len(self.mirrors[kind].items) >= count for kind in kinds)

    async def _all_ready(self) -> AsyncIterator[bool]:
        while True:
            yield all(_is_ready(item) for item in self._items("Instance"))

    async def _all_told(self) -> AsyncIterator[bool]:
        while True:
            pods = self._items("Pod")
            revisions = [(pod["metadata"].get("annotations") or {}).get(SECRETS_REVISION) for pod in pods]
            told = {revision for revision in revisions if revision}
            yield None not in revisions and len(told) == 1

    async def _all_rolled(self) -> AsyncIterator[bool]:
        before = {item["status"]["revision"] for item in self._items("Instance")}
        while True:
            items = self._items("Instance")
            serving = {item["status"].get("servingRevision") for item in items}
            yield not serving & before and all(_is_ready(item) for item in items)

    async def _settled(self, operator: OperatorProcess) -> AsyncIterator[bool]:
        quiet, seen = 0, -1
        while quiet < 4:  # two seconds
            metrics = operator.metrics()
            count = int(metrics["gagarin_reconcile_seconds_count"])
            quiet = quiet + 1 if count == seen and not metrics["gagarin_queue_depth"] else 0
            seen = count
            yield False
        yield True

    def _line(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        versus: str | None = None,
        reference: float | None = None,
        note: str | None = None,
    ) -> Measurement:
        name = f"scale.{name}"
        return Measurement(name=name, value=value, unit=unit, versus=versus, reference=reference, note=note)


def _is_ready(item: Object) -> bool:
    conditions = item.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
