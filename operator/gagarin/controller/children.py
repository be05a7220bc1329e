"""The children of an Instance: applied where they differ from what is wanted, removed where they are not.

What is as it should be is not written. A name that somebody else's object has is never taken over: a child
that we do not know of is applied on the condition that it does not exist yet. A PersistentVolumeClaim holds
what people said: it is never removed because a spec changed, and one that was retained is found again by the
next Instance of its name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence

from gagarin.controller.cluster import Cluster, together
from gagarin.controller.drift import Corrections
from gagarin.controller.essence import JUDGED_BY_METADATA, metadata_of
from gagarin.controller.ownership import (
    APPLIED,
    controller_of,
    fingerprint_of,
    is_applied,
    is_controlled_by,
    is_owned_as,
    is_retained,
    stamp_on,
)
from gagarin.controller.store import Store, owner_of, version_of
from gagarin.core.children import CHILD_KINDS
from gagarin.core.names import FIELD_MANAGER
from gagarin.core.objects import Key, Object, key_of
from gagarin.core.problems import Problem
from gagarin.kube.errors import Conflict, Forbidden, Invalid, NotFound
from gagarin.kube.resources import BY_KIND

logger = logging.getLogger(__name__)

LAST = "Deployment"  # its pods need the others
KEPT = "PersistentVolumeClaim"
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

    def differing(self, wanted: Sequence[Object]) -> list[Object]:
        """The (stamped) manifests that are not applied as they are, or not any more."""
        return [manifest for manifest in wanted if not self._is_applied(manifest)]

    async def apply(self, manifests: Sequence[Object], uid: str) -> None:
        """Apply manifests for the Instance with this uid, the Deployment last. Raises `Blocked`."""
        first = [manifest for manifest in manifests if manifest["kind"] != LAST]
        await together(self._put(manifest, uid) for manifest in first)
        for manifest in manifests:
            if manifest["kind"] == LAST:
                await self._put(manifest, uid)

    def are_applied(self, wanted: Mapping[Key, str]) -> bool:
        """Is it known that all of these, by their fingerprints, are applied as they are?"""
        return all(self._store.found_applied(key) == stamp for key, stamp in wanted.items())

    def check_peace(self, wanted: Mapping[Key, str]) -> None:
        """Raises `Blocked` while a child is left as somebody else wants it, or may be changed again soon."""
        waits = [(self._corrections.due_in(key, stamp), key, stamp) for key, stamp in wanted.items()]
        for seconds, key, stamp in sorted(waits, reverse=True):
            if seconds > 0 and self._corrections.is_fight(key, stamp):
                message = f"{key} was put back several times, and somebody else changes it again"
                raise Blocked(Problem("Ready", "Conflicted", message), seconds)
            if seconds > 0 and self._store.found_applied(key) != stamp:
                raise Blocked(None, seconds)

    async def prune(self, instance: Key, uid: str, wanted: Container[Key]) -> None:
        """Delete the children that are not wanted any more, and that no pod can need."""
        superfluous = [
            child
            for child in self._store.children(instance, *CHILD_KINDS)
            if child["kind"] != KEPT and key_of(child) not in wanted and is_controlled_by(child, uid)
        ]
        mounted = self._mounted(instance) if superfluous else set()
        for child in superfluous:
            if key_of(child) not in mounted:
                await self._delete(child)

    async def scale(self, instance: Key, uid: str, replicas: int) -> None:
        """Set the number of pods, and leave the rest of the Deployment as it is."""
        change = {"metadata": {"annotations": {APPLIED: None}}, "spec": {"replicas": replicas}}
        for deployment in self._store.children(instance, LAST):
            if deployment["spec"].get("replicas") != replicas and is_controlled_by(deployment, uid):
                name = deployment["metadata"]["name"]
                live = await self._cluster.patch(
                    BY_KIND[LAST], instance.namespace, name, change, field_manager=FIELD_MANAGER
                )
                self._store.put(live)

    async def withdraw(self, instance: Key, uid: str) -> None:
        """Stop an Instance that may not run any more: scale it to 0, delete what was copied for it, and leave
        the rest for its return."""
        await self.scale(instance, uid, 0)
        for copy in self._store.children(instance, "Secret", "ConfigMap"):
            if is_copy(copy) and is_controlled_by(copy, uid):
                await self._delete(copy)

    def _is_applied(self, manifest: Object) -> bool:
        key = key_of(manifest)
        live = self._store.get(key)
        if live is None or not is_owned_as(manifest, live):
            return False
        wanted = fingerprint_of(manifest)
        if self._store.found_applied(key) != wanted:
            if not is_applied(manifest, live, self._store.owned(key)):
                return False
            self._store.note_applied(key, wanted)
        return True

    async def _put(self, manifest: Object, uid: str) -> None:
        if self._due_in(manifest) > 0:
            return  # `check_peace` tells
        key = key_of(manifest)
        live = self._store.get(key)
        if live is None:
            live = await self._create(manifest, key)
            if live is None:
                return
        self._check_owner(live, manifest, uid)
        self._taken.discard(key)
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
        key, fingerprint = key_of(manifest), fingerprint_of(manifest)
        try:
            live = await self._cluster.apply(manifest, field_manager=FIELD_MANAGER)
        except (Invalid, Forbidden) as error:
            message = f"{key} was refused: {error}"
            seconds = FORBIDDEN_SECONDS if isinstance(error, Forbidden) else REFUSED_SECONDS
            raise Blocked(Problem("Ready", "ApplyFailed", message), seconds) from error
        if self._corrections.applied(key, fingerprint):
            logger.info("%s was changed by somebody else: put it back", key)
        self._store.put(metadata_of(live) if key.kind in JUDGED_BY_METADATA else live)
        # Whatever an admission plugin made of it, applying it again would make the same of it.
        if version_of(self._store.get(key) or live) == version_of(live):
            self._store.note_applied(key, fingerprint)

    async def _delete(self, child: Object) -> None:
        key, metadata = key_of(child), child["metadata"]
        if _is_going(child):
            return
        logger.info("%s is not needed any more: deleting it", key)
        try:
            await self._cluster.delete(BY_KIND[key.kind], key.namespace, key.name, uid=metadata["uid"])
        except (NotFound, Conflict):
            return  # somebody was faster; the watch will tell
        self._store.drop(key, version_of(child))

    def _check_owner(self, live: Object, manifest: Object, uid: str) -> None:
        """Raises `Blocked` unless the object is the Instance's, or was a child of its and lost its owner."""
        owner = controller_of(live)
        if owner.get("uid") == uid and not _is_going(live):
            return
        if _is_going(live) or (owner.get("kind") == "Instance" and not self._lives(live, owner)):
            raise Blocked(None, GOING_SECONDS)  # a child of an earlier Instance of this name: being collected
        if not _is_orphan_of(live, manifest):
            message = f"{key_of(live)} exists already and belongs to someone else: delete it or rename"
            raise Blocked(Problem("Ready", "NameTaken", f"{message} the Instance"), TAKEN_SECONDS)

    def _lives(self, child: Object, owner: Object) -> bool:
        instance = self._store.get(Key("Instance", child["metadata"]["namespace"], owner["name"]))
        return instance is not None and instance["metadata"]["uid"] == owner["uid"]

    def _due_in(self, manifest: Object) -> float:
        return self._corrections.due_in(key_of(manifest), fingerprint_of(manifest))

    def _mounted(self, instance: Key) -> set[Key]:
        """What pods read that run, or that may still be made."""
        mounted: set[Key] = set()
        for item in self._store.children(instance, "Deployment", "ReplicaSet"):
            if item["kind"] == LAST or item["spec"].get("replicas") or _status(item).get("replicas"):
                mounted |= self._store.mounts(key_of(item))
        return mounted


def is_copy(child: Object) -> bool:
    """Is it a copy of another namespace's Secret or ConfigMap? Only their names have a dot (`names`)."""
    return child["kind"] in ("Secret", "ConfigMap") and "." in child["metadata"]["name"]


def may_precede(manifest: Object) -> bool:
    """Does a child take effect without new pods, so that it need not wait until the Instance may roll?"""
    return is_copy(manifest) or manifest["kind"] == "NetworkPolicy"


def _is_orphan_of(live: Object, manifest: Object) -> bool:
    """Was it a child of this Instance, or of an earlier one of its name? What is retained has no owner, and
    may have been restored from elsewhere: its labels tell."""
    if controller_of(live):
        return False
    if is_retained(manifest):
        return owner_of(live) == owner_of(manifest)
    return stamp_on(live) is not None and owner_of(live) in (owner_of(manifest), None)


def _status(item: Object) -> Object:
    status: Object = item.get("status") or {}
    return status


def _is_going(item: Object) -> bool:
    return "deletionTimestamp" in item["metadata"]
