"""Lists and watches: how the store comes to know the cluster, and how it finds out what it missed.

Every collection is listed at the start and again at each resync; that finds what a broken watch lost, also
deletions. Between two lists the collections are watched: our own kinds by kopf (`watch`), the others here,
because kopf can neither ask for metadata only nor take a thousand pods' events cheaply (docs/decisions/0003).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gagarin.controller.cluster import Cluster
from gagarin.controller.intake import Intake
from gagarin.controller.referents import KINDS as REFERRED
from gagarin.controller.referents import Referents
from gagarin.controller.store import owner_of, version_of
from gagarin.core.names import FIELD_MANAGER, MANAGED_BY
from gagarin.core.objects import Key, Object, key_of
from gagarin.kube.errors import Gone, KubeError
from gagarin.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    NAMESPACE,
    NETWORK_POLICY,
    OURS,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)

logger = logging.getLogger(__name__)

CHILDREN = f"{MANAGED_BY}={FIELD_MANAGER}"
# Children of which their metadata tells all that concerns us.
BY_METADATA = (
    SERVICE_ACCOUNT,
    ROLE_BINDING,
    SERVICE,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    HORIZONTAL_POD_AUTOSCALER,
)
# Those whose status we report, and what they bring about.
IN_FULL = (PERSISTENT_VOLUME_CLAIM, DEPLOYMENT, REPLICA_SET, POD)
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
CONNECTED_SECONDS = 10.0  # a watch that has not failed for so long has been let in


@dataclass(frozen=True, slots=True)
class Collection:
    """What to list and watch: a kind in one namespace or in all, filtered by the server."""

    resource: Resource
    namespace: str | None
    label_selector: str = ""
    metadata_only: bool = False


def our_collections(scopes: Sequence[str | None]) -> list[Collection]:
    """Our own kinds."""
    return [Collection(resource, scope) for scope in scopes for resource in OURS]


def other_collections(scopes: Sequence[str | None]) -> list[Collection]:
    """The children, what they bring about, and what can be referred to. Of namespaces that are named to us
    we may not list the Namespace objects; they are read one by one (`Referents.refresh_all`)."""
    found = []
    for scope in scopes:
        found += [
            *(Collection(resource, scope, CHILDREN, metadata_only=True) for resource in BY_METADATA),
            *(Collection(resource, scope, CHILDREN) for resource in IN_FULL),
            Collection(CONFIG_MAP, scope, metadata_only=True),
            Collection(SECRET, scope, metadata_only=True),
        ]
        if scope is None:
            found.append(Collection(NAMESPACE, None, metadata_only=True))
    return found


class Feed:
    """One collection, kept in step with the store."""

    def __init__(
        self, collection: Collection, cluster: Cluster, intake: Intake, referents: Referents
    ) -> None:
        self.collection = collection
        self._cluster = cluster
        self._intake = intake
        self._referents = referents
        self._version = ""
        self._failing_since: float | None = None
        self._trying_since = 0.0

    def broken_for(self, now: float) -> float:
        """For how many seconds the watch has not been possible; `now` is the event loop's time."""
        if self._failing_since is None or now - self._trying_since > CONNECTED_SECONDS:
            return 0.0
        return now - self._failing_since

    async def refresh(self) -> None:
        """List the collection: take in what is there, drop what is not."""
        at = self.collection
        listed: set[Key] = set()
        version = await (self._compare(listed) if self._can_compare() else self._take_all(listed))
        for key in self._intake.store.keys(at.resource.kind, at.namespace):
            if key not in listed:
                self._intake.gone(key, int(version))
        self._version = version

    def _can_compare(self) -> bool:
        """Was it listed before, and does the store know all that is in it?"""
        return bool(self._version) and self.collection.resource.kind not in REFERRED

    async def _compare(self, listed: set[Key]) -> str:
        """Read what is newer than we know, which is little when the watches work; nearly all of the cost of
        reading everything is to decode what has not changed. Returns the version of the list."""
        at, version = self.collection, ""
        async for page in self._cluster.versions(at.resource, at.namespace, label_selector=at.label_selector):
            version = page.resource_version
            if any(map(self._is_news, page.items.items())):
                listed.clear()
                return await self._take_all(listed)
            listed.update(page.items)
        return version

    def _is_news(self, found: tuple[Key, int]) -> bool:
        known = self._intake.store.get(found[0])
        return known is None or version_of(known) < found[1]

    async def _take_all(self, listed: set[Key]) -> str:
        at, version = self.collection, ""
        async for page in self._cluster.pages(
            at.resource, at.namespace, label_selector=at.label_selector, metadata_only=at.metadata_only
        ):
            version = page.resource_version
            for item in page.items:
                listed.add(key_of(item))
                await self._take(item)
        return version

    async def follow(self, broke: Callable[[], None] = lambda: None) -> None:
        """Watch the collection, for ever: go on where it broke off, list again where that is too late. Each
        time it broke off, `broke` is called."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                self._trying_since = asyncio.get_running_loop().time()
                await self._watch()
                pause, self._failing_since = SHORTEST_PAUSE, None
            except Gone:
                self._version = ""
            except KubeError as error:
                logger.warning("watch of %s broke off: %s", self.collection.resource.plural, error)
                broke()
                self._failing_since = self._failing_since or self._trying_since
                pause = max(min(pause * 2, LONGEST_PAUSE), error.retry_after or 0.0)
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 -- jitter, not a secret

    async def _watch(self) -> None:
        if not self._version:
            await self.refresh()
        at = self.collection
        async for event in self._cluster.watch(
            at.resource,
            at.namespace,
            resource_version=self._version,
            label_selector=at.label_selector,
            metadata_only=at.metadata_only,
        ):
            if event.type == "DELETED":
                self._intake.gone(key_of(event.object), version_of(event.object))
            elif event.type != "BOOKMARK":
                await self._take(event.object)
            self._failing_since = None
            self._version = event.resource_version

    async def _take(self, item: Object) -> None:
        if item["kind"] in REFERRED:
            await self._take_one_of_many(item)
        else:
            self._intake.seen(item)

    async def _take_one_of_many(self, item: Object) -> None:
        """Most objects of these kinds are other people's: keep what is referred to, or a child of ours."""
        if await self._referents.noticed(item):
            return
        if owner_of(item) is not None:
            self._intake.seen(item)
        else:
            self._intake.ignored(key_of(item))
