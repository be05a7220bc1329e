"""The children of an Instance: applied where they differ from what is wanted, removed where they are not.

What is as it should be is not written. A name that somebody else's object has is never taken over: a child
that we do not know of is applied on the condition that it does not exist yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from gagarin.controller.cluster import Cluster, together
from gagarin.controller.drift import Corrections
from gagarin.controller.ownership import (
    APPLIED,
    controller_of,
    is_applied,
    is_controlled_by,
    is_stamped,
)
from gagarin.controller.store import CHILD_KINDS, Store, owner_of
from gagarin.core.names import FIELD_MANAGER
from gagarin.core.objects import Key, Object, key_of
from gagarin.core.problems import Problem
from gagarin.kube.errors import Conflict, Forbidden, Invalid, NotFound
from gagarin.kube.resources import BY_KIND

logger = logging.getLogger(__name__)

LAST = "Deployment"  # its pods need the others
JUDGED_BY_METADATA = frozenset(CHILD_KINDS) - {"Deployment"}
STOPPED = {"metadata": {"annotations": {APPLIED: None}}, "spec": {"replicas": 0}}
NEVER = "1"  # a resource version that no object has: "apply only if it does not exist"
TAKEN_SECONDS = 30.0
REFUSED_SECONDS = 300.0
FORBIDDEN_SECONDS = 60.0  # a quota that is full now need not be then
GOING_SECONDS = 5.0


class Blocked(Exception):  # noqa: N818 -- not an error of ours: a state of the cluster, told in a condition
    """A child cannot be what it should be. `problem` is for the Instance's status, None when it is only a
    matter of time; look again after `seconds`."""

    def __init__(self, problem: Problem | None, seconds: float) -> None:
        super().__init__(problem.message if problem else "")
        self.problem = problem
        self.seconds = seconds


class Children:
    """Applies and prunes. `now` gives seconds of a monotonic clock."""

    def __init__(self, cluster: Cluster, store: Store, now: Callable[[], float]) -> None:
        self._cluster = cluster
        self._store = store
        self._corrections = Corrections(now)
        self._taken: set[Key] = set()

    def differing(self, wanted: Sequence[Object], uid: str) -> list[Object]:
        """The (stamped) manifests that are not applied as they are, or not any more."""
        return [manifest for manifest in wanted if not self._is_applied(manifest, uid)]

    async def apply(self, manifests: Sequence[Object], uid: str) -> None:
        """Apply manifests for the Instance with this uid, the Deployment last. Raises `Blocked`."""
        first = [manifest for manifest in manifests if manifest["kind"] != LAST]
        await together(self._put(manifest, uid) for manifest in first)
        for manifest in manifests:
            if manifest["kind"] == LAST:
                await self._put(manifest, uid)

    async def prune(self, instance: Key, uid: str, wanted: Sequence[Object]) -> None:
        """Delete the children that are not wanted any more, and that no pod can need."""
        names = {key_of(manifest) for manifest in wanted}
        used = set(self._used_config_maps(instance))
        for child in self._store.children(instance, *CHILD_KINDS):
            key = key_of(child)
            is_needed = key in names or (key.kind == "ConfigMap" and key.name in used)
            if not is_needed and is_controlled_by(child, uid) and not _is_going(child):
                await self._delete(key, child)

    async def withdraw(self, instance: Key, uid: str) -> None:
        """Stop an Instance that may not run any more: scale it to 0, and leave the rest for its return."""
        for deployment in self._store.children(instance, LAST):
            if deployment["spec"].get("replicas") != 0 and is_controlled_by(deployment, uid):
                name = deployment["metadata"]["name"]
                live = await self._cluster.patch(
                    BY_KIND[LAST], instance.namespace, name, STOPPED, field_manager=FIELD_MANAGER
                )
                self._store.put(live)

    def _is_applied(self, manifest: Object, uid: str) -> bool:
        key = key_of(manifest)
        live = self._store.get(key)
        if live is None or not is_controlled_by(live, uid):
            return False
        wanted = manifest["metadata"]["annotations"][APPLIED]
        if self._store.found_applied(key) != wanted:
            if not is_applied(manifest, live, self._store.owned(key)):
                return False
            self._store.note_applied(key, wanted)
        return True

    async def _put(self, manifest: Object, uid: str) -> None:
        key = key_of(manifest)
        live = self._store.get(key)
        if live is None:
            live = await self._create(manifest, key)
            if live is None:
                return
        _check_owner(live, manifest, uid)
        self._taken.discard(key)
        if is_stamped(live, manifest["metadata"]["annotations"][APPLIED]):
            self._check_peace(key)
            logger.info("%s was changed by somebody else: putting it back", key)
            self._corrections.corrected(key)
        await self._apply(manifest)

    async def _create(self, manifest: Object, key: Key) -> Object | None:
        """Apply a manifest if there is no object of its name; otherwise return that object."""
        if key in self._taken and (there := await self._look(key)) is not None:
            return there
        metadata = {**manifest["metadata"], "resourceVersion": NEVER}
        try:
            await self._apply({**manifest, "metadata": metadata})
        except Conflict:
            there = await self._look(key)
            if there is None:
                raise
            self._taken.add(key)
            return there
        return None

    async def _look(self, key: Key) -> Object | None:
        try:
            return await self._cluster.get(BY_KIND[key.kind], key.namespace, key.name, metadata_only=True)
        except NotFound:
            return None

    async def _apply(self, manifest: Object) -> None:
        try:
            live = await self._cluster.apply(manifest, field_manager=FIELD_MANAGER)
        except (Invalid, Forbidden) as error:
            message = f"{key_of(manifest)} was refused: {error}"
            seconds = FORBIDDEN_SECONDS if isinstance(error, Forbidden) else REFUSED_SECONDS
            raise Blocked(Problem("Ready", "ApplyFailed", message), seconds) from error
        self._store.put(_essence(live))

    async def _delete(self, key: Key, child: Object) -> None:
        logger.info("%s is not needed any more: deleting it", key)
        metadata = child["metadata"]
        try:
            await self._cluster.delete(BY_KIND[key.kind], key.namespace, key.name, uid=metadata["uid"])
        except (NotFound, Conflict):
            return  # somebody was faster; the watch will tell
        self._store.drop(key, int(metadata["resourceVersion"]))

    def _check_peace(self, key: Key) -> None:
        seconds = self._corrections.due_in(key)
        if seconds > 0:
            message = f"{key} was put back several times, and somebody else changes it again"
            fight = Problem("Ready", "Conflicted", message) if self._corrections.is_fight(key) else None
            raise Blocked(fight, seconds)

    def _used_config_maps(self, instance: Key) -> Iterator[str]:
        for item in self._store.children(instance, "Deployment", "ReplicaSet"):
            spec, status = item["spec"], item.get("status", {})
            if item["kind"] == LAST or spec.get("replicas") or status.get("replicas"):
                yield from _config_maps(spec["template"]["spec"])


def _check_owner(live: Object, manifest: Object, uid: str) -> None:
    """Raises `Blocked` unless the object is the Instance's, or was a child of its and lost its owner."""
    if _is_going(live) or (controller_of(live).get("kind") == "Instance" and not is_controlled_by(live, uid)):
        raise Blocked(None, GOING_SECONDS)  # a child of an earlier Instance of this name: being collected
    if is_controlled_by(live, uid) or _is_orphan_of(live, manifest):
        return
    message = f"{key_of(live)} exists already and belongs to someone else: delete it or rename the Instance"
    raise Blocked(Problem("Ready", "NameTaken", message), TAKEN_SECONDS)


def _is_orphan_of(live: Object, manifest: Object) -> bool:
    was_applied = APPLIED in (live["metadata"].get("annotations") or {})
    return was_applied and not controller_of(live) and owner_of(live) in (owner_of(manifest), None)


def _config_maps(pod_spec: Object) -> Iterator[str]:
    for volume in pod_spec.get("volumes") or ():
        sources = [volume, *volume.get("projected", {}).get("sources", ())]
        yield from (source["configMap"]["name"] for source in sources if "configMap" in source)


def _essence(live: Object) -> Object:
    """What we keep of a child: what a metadata-only watch would tell, where that is how we watch it."""
    if live["kind"] not in JUDGED_BY_METADATA:
        return live
    return {name: live[name] for name in ("apiVersion", "kind", "metadata")}


def _is_going(item: Object) -> bool:
    return "deletionTimestamp" in item["metadata"]
