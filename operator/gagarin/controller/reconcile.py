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

from gagarin.controller.children import Blocked, Children, may_precede
from gagarin.controller.cluster import Cluster, together
from gagarin.controller.essence import POD_KINDS, REPORTED
from gagarin.controller.intake import Intake
from gagarin.controller.ownership import stamped
from gagarin.controller.plans import Plan, Plans, plan_of
from gagarin.controller.pods import SecretVersion, needs_nudge, nudge, secret_version, secrets_revision
from gagarin.controller.referents import Referents
from gagarin.controller.rollouts import Rollouts, is_settled
from gagarin.controller.statuses import Statuses
from gagarin.controller.store import Store, version_of
from gagarin.core.names import FIELD_MANAGER
from gagarin.core.objects import Key, Object, key_of
from gagarin.core.policy import Policy
from gagarin.core.problems import Problem
from gagarin.core.render import RenderSettings, render, revision_of
from gagarin.core.resolve import Resolution, resolve
from gagarin.core.status import status_of
from gagarin.kube.errors import NotFound
from gagarin.kube.resources import INSTANCE, POD

LATER = 60.0  # while pods start: what takes too long shows without an event
WAITING = Problem("Ready", "RolloutPending", "other Instances are rolling out; this one waits for its turn")


@dataclass(slots=True)
class Outcome:
    """What came of an Instance's children: the revision wanted, what is in the way, when to look again, and
    whether all of them were applied."""

    revision: str = ""
    failure: Problem | None = None
    again: float | None = None
    is_done: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """What a reconciler works with."""

    cluster: Cluster
    store: Store
    intake: Intake
    plans: Plans
    referents: Referents
    children: Children
    rollouts: Rollouts
    statuses: Statuses
    settings: Callable[[], RenderSettings]
    policy: Policy
    now: Callable[[], datetime]


class Reconciler:
    """Reconciles keys of our five kinds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def reconcile(self, key: Key) -> float | None:
        """Bring one object about. Returns after how many seconds to look again, None: when something
        changes. Raises `KubeError` when the cluster could not be asked."""
        item = self._parts.store.get(key)
        plan = self._parts.plans.get(key)
        if item is not None and plan is None:
            await self._parts.referents.ensure(item)
            item = self._parts.store.get(key)
        if item is None:
            self._forget(key)
            return None
        if "deletionTimestamp" in item["metadata"] or self._is_ending(key.namespace):
            # Its children go with it: garbage collection by their ownerReferences. That may take minutes, in
            # which it must not keep others from rolling.
            self._parts.rollouts.leave(key)
            return None
        if plan is not None and self._parts.children.are_applied(plan.children):
            resolution, outcome = plan.resolution, await self._keep_up(item, plan, Outcome(plan.revision))
        else:
            resolution = resolve(item, self._parts.store, self._parts.policy)
            outcome = await self._bring_about(item, resolution) if key.kind == "Instance" else Outcome()
        return _earliest(outcome.again, await self._report(item, resolution, outcome))

    async def _bring_about(self, item: Object, resolution: Resolution) -> Outcome:
        if resolution.resolved is None:
            return await self._keep(item, resolution)
        rendered = render(resolution.resolved, self._parts.settings())
        wanted = [stamped(manifest) for manifest in rendered]
        plan = plan_of(resolution, wanted)
        self._parts.plans.put(key_of(item), plan)
        outcome = await self._apply(item, plan, wanted)
        return await self._keep_up(item, plan, outcome)

    async def _keep_up(self, item: Object, plan: Plan, outcome: Outcome) -> Outcome:
        """What is to be done beside applying: remove what is superfluous, tell pods of changed Secrets."""
        key = key_of(item)
        if outcome.is_done:
            try:
                await self._parts.children.prune(key, item["metadata"]["uid"], plan.children)
                self._parts.children.check_peace(plan.children)
            except Blocked as blocked:
                outcome.failure, outcome.again = blocked.problem, blocked.seconds
        if outcome.failure is not WAITING:
            self._leave_if_settled(key)
        await self._nudge(key, plan.resolution)
        return outcome

    async def _keep(self, item: Object, resolution: Resolution) -> Outcome:
        """What cannot be resolved goes on as it is, unless a permission was withdrawn."""
        if resolution.withdrawn:
            await self._parts.children.withdraw(key_of(item), item["metadata"]["uid"])
        self._leave_if_settled(key_of(item))
        return Outcome()

    async def _apply(self, item: Object, plan: Plan, wanted: list[Object]) -> Outcome:
        outcome = Outcome(plan.revision)
        differing = self._parts.children.differing(wanted)
        if differing and await self._is_gone(item, plan.revision, differing):
            outcome.is_done = False
        elif differing:
            await self._apply_differing(item, wanted, differing, outcome)
        return outcome

    async def _apply_differing(
        self, item: Object, wanted: list[Object], differing: list[Object], outcome: Outcome
    ) -> None:
        try:
            if self._may_roll(key_of(item), wanted):
                await self._parts.children.apply(differing, item["metadata"]["uid"])
            else:
                outcome.failure, outcome.is_done = WAITING, False
                await self._apply_early(item, wanted, differing)
        except Blocked as blocked:
            outcome.failure, outcome.again, outcome.is_done = blocked.problem, blocked.seconds, False

    async def _apply_early(self, item: Object, wanted: list[Object], differing: list[Object]) -> None:
        """While an Instance waits for its turn to roll: what the pods that run are meant to notice."""
        uid = item["metadata"]["uid"]
        await self._parts.children.apply([one for one in differing if may_precede(one)], uid)
        await self._parts.children.scale(key_of(item), uid, _replicas(wanted))

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

    def _may_roll(self, key: Key, wanted: list[Object]) -> bool:
        """A Deployment that runs another revision, with pods now and then, needs its turn."""
        running = self._parts.store.children(key, "Deployment")
        revision = revision_of(wanted)
        rolls = [one for one in running if revision_of([one]) != revision and one["spec"].get("replicas")]
        return not rolls or not _replicas(wanted) or self._parts.rollouts.admit(key)

    def _leave_if_settled(self, key: Key) -> None:
        if all(is_settled(one) for one in self._parts.store.children(key, "Deployment")):
            self._parts.rollouts.leave(key)

    async def _nudge(self, key: Key, resolution: Resolution) -> None:
        secrets = self._secret_versions(key, resolution)
        revision = secrets_revision(secrets)
        pods = self._parts.store.children(key, "Pod")
        stale = [pod for pod in pods if needs_nudge(pod, secrets, revision)]
        await together(self._nudge_pod(pod, revision) for pod in stale)

    def _secret_versions(self, key: Key, resolution: Resolution) -> list[SecretVersion]:
        """Of what the pods mount: where it comes from another namespace, that is a copy beside them."""
        store = self._parts.store
        mounted = ((each, store.get(each)) for each in resolution.mounted if each.namespace == key.namespace)
        return [secret_version(item, store.modified(each)) for each, item in mounted if item is not None]

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
        children = self._parts.store.children(key, *REPORTED, *POD_KINDS)
        now = self._parts.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = status_of(
            item, resolution, children, now, revision=outcome.revision, failure=outcome.failure
        )
        written = await self._parts.statuses.write(item, status)
        return _earliest(written, LATER if _is_moving(status) else None)

    def _is_ending(self, namespace: str) -> bool:
        """Is the namespace being deleted, so that nothing can be made in it any more?"""
        found = self._parts.store.get(Key("Namespace", "", namespace))
        return found is not None and "deletionTimestamp" in found["metadata"]

    def _forget(self, key: Key) -> None:
        self._parts.plans.drop(key)
        self._parts.rollouts.leave(key)
        self._parts.statuses.forget(key)


def _replicas(wanted: list[Object]) -> int:
    deployment = next(one for one in wanted if one["kind"] == "Deployment")
    replicas: int = deployment["spec"]["replicas"]
    return replicas


def _is_same_spec(one: Object, other: Object) -> bool:
    return all(one["metadata"].get(name) == other["metadata"].get(name) for name in ("uid", "generation"))


def _is_moving(status: Object) -> bool:
    return any(condition["type"] == "Reconciling" for condition in status["conditions"])


def _earliest(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)
