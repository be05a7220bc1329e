"""One key at a time: from what the store knows to what the cluster should be.

For every kind: read what it refers to, resolve it, write its status. For an Instance in between: render it,
apply what differs, remove what is no longer wanted, tell the pods of changed Secrets. Every step is
idempotent and reads the store anew, so a key may be reconciled at any time, any number of times, and costs
no write at rest. A user's mistake becomes a condition; only failures of the cluster leave as `KubeError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gagarin.controller.children import Blocked, Children
from gagarin.controller.cluster import Cluster, together
from gagarin.controller.intake import Intake
from gagarin.controller.ownership import stamped
from gagarin.controller.pods import SecretVersion, needs_nudge, nudge, secret_version, secrets_revision
from gagarin.controller.referents import Referents
from gagarin.controller.rollouts import Rollouts, is_settled
from gagarin.controller.statuses import Statuses
from gagarin.controller.store import Store, version_of
from gagarin.core.names import FIELD_MANAGER
from gagarin.core.objects import Key, Object, key_of
from gagarin.core.problems import Problem
from gagarin.core.render import RenderSettings, render, revision_of
from gagarin.core.resolve import Resolution, Resolved, resolve
from gagarin.core.status import status_of
from gagarin.kube.errors import NotFound
from gagarin.kube.resources import INSTANCE, POD

LATER = 60.0  # while pods start: what takes too long shows without an event
WAITING = Problem("Ready", "RolloutPending", "other Instances are rolling out; this one waits for its turn")


@dataclass(slots=True)
class Outcome:
    """What came of an Instance's children: the revision wanted, what is in the way, when to look again."""

    revision: str = ""
    failure: Problem | None = None
    again: float | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a reconciler works with."""

    cluster: Cluster
    store: Store
    intake: Intake
    referents: Referents
    children: Children
    rollouts: Rollouts
    statuses: Statuses
    settings: RenderSettings
    now: Callable[[], datetime]


class Reconciler:
    """Reconciles keys of our five kinds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def reconcile(self, key: Key) -> float | None:
        """Bring one object about. Returns after how many seconds to look again, None: when something
        changes. Raises `KubeError` when the cluster could not be asked."""
        item = self._parts.store.get(key)
        if item is not None:
            await self._parts.referents.ensure(item)
            item = self._parts.store.get(key)
        if item is None:
            self._forget(key)
            return None
        if "deletionTimestamp" in item["metadata"]:
            return None  # its children go with it: garbage collection by their ownerReferences
        resolution = resolve(item, self._parts.store)
        outcome = await self._bring_about(item, resolution) if key.kind == "Instance" else Outcome()
        return _earliest(outcome.again, await self._report(item, resolution, outcome))

    async def _bring_about(self, item: Object, resolution: Resolution) -> Outcome:
        if resolution.resolved is None:
            return await self._keep(item, resolution)
        outcome = await self._apply(item, resolution.resolved)
        await self._nudge(key_of(item), resolution)
        return outcome

    async def _keep(self, item: Object, resolution: Resolution) -> Outcome:
        """What cannot be resolved goes on as it is, unless a permission was withdrawn."""
        if resolution.withdrawn:
            await self._parts.children.withdraw(key_of(item), item["metadata"]["uid"])
        self._leave_if_settled(key_of(item))
        return Outcome()

    async def _apply(self, item: Object, resolved: Resolved) -> Outcome:
        key, uid = key_of(item), item["metadata"]["uid"]
        wanted = [stamped(manifest) for manifest in render(resolved, self._parts.settings)]
        outcome = Outcome(revision=revision_of(wanted))
        try:
            differing = self._parts.children.differing(wanted, uid)
            if await self._is_gone(item, outcome.revision, differing):
                return outcome
            if differing and not self._may_roll(key, outcome.revision):
                outcome.failure = WAITING
                return outcome
            await self._parts.children.apply(differing, uid)
            await self._parts.children.prune(key, uid, wanted)
        except Blocked as blocked:
            outcome.failure, outcome.again = blocked.problem, blocked.seconds
        self._leave_if_settled(key)
        return outcome

    async def _is_gone(self, item: Object, revision: str, differing: list[Object]) -> bool:
        """A child that vanished may have been collected with its owner, whose end a broken watch kept from
        us: make sure before it is made again."""
        was_applied = item.get("status", {}).get("revision") == revision
        if not was_applied or all(self._parts.store.get(key_of(one)) for one in differing):
            return False
        key = key_of(item)
        try:
            live = await self._parts.cluster.get(INSTANCE, key.namespace, key.name, metadata_only=True)
        except NotFound:
            self._parts.intake.gone(key, version_of(item))
            return True
        return bool(live["metadata"]["uid"] != item["metadata"]["uid"])

    def _may_roll(self, key: Key, revision: str) -> bool:
        """A Deployment that runs another revision, with pods, needs its turn."""
        running = self._parts.store.children(key, "Deployment")
        rolls = [one for one in running if revision_of([one]) != revision and one["spec"].get("replicas")]
        return not rolls or self._parts.rollouts.admit(key)

    def _leave_if_settled(self, key: Key) -> None:
        if all(is_settled(one) for one in self._parts.store.children(key, "Deployment")):
            self._parts.rollouts.leave(key)

    async def _nudge(self, key: Key, resolution: Resolution) -> None:
        secrets = self._secret_versions(resolution)
        revision = secrets_revision(secrets)
        pods = self._parts.store.children(key, "Pod")
        stale = [pod for pod in pods if needs_nudge(pod, secrets, revision)]
        await together(self._nudge_pod(pod, revision) for pod in stale)

    def _secret_versions(self, resolution: Resolution) -> list[SecretVersion]:
        store = self._parts.store
        found = ((key, store.get(key)) for key in resolution.secrets)
        return [secret_version(secret, store.modified(key)) for key, secret in found if secret is not None]

    async def _nudge_pod(self, pod: Object, revision: str) -> None:
        key = key_of(pod)
        try:
            live = await self._parts.cluster.patch(
                POD, key.namespace, key.name, nudge(revision), field_manager=FIELD_MANAGER
            )
        except NotFound:
            return
        self._parts.store.put(live)

    async def _report(self, judged: Object, resolution: Resolution, outcome: Outcome) -> float | None:
        key = key_of(judged)
        item = self._parts.store.get(key)
        if item is None or not _is_same_spec(item, judged):
            return None  # what was found out is about an older spec; the newer one waits in the queue
        children = self._parts.store.children(key, "Deployment", "ReplicaSet", "Pod")
        now = self._parts.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = status_of(
            item, resolution, children, now, revision=outcome.revision, failure=outcome.failure
        )
        written = await self._parts.statuses.write(item, status)
        return _earliest(written, LATER if _is_moving(status) else None)

    def _forget(self, key: Key) -> None:
        self._parts.rollouts.leave(key)
        self._parts.statuses.forget(key)


def _is_same_spec(one: Object, other: Object) -> bool:
    return all(one["metadata"].get(name) == other["metadata"].get(name) for name in ("uid", "generation"))


def _is_moving(status: Object) -> bool:
    return any(condition["type"] == "Reconciling" for condition in status["conditions"])


def _earliest(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)
