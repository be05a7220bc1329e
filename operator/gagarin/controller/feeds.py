"""Lists and watches: how the store comes to know the cluster, and how it finds out what it missed.

Every collection is listed at the start and again at each resync; that finds what a broken watch lost, also
deletions. Between two lists the collections are watched: our own kinds by kopf (`watch`), the others here,
because kopf can neither ask for metadata only nor take a thousand pods' events cheaply (docs/decisions/0003).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
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
    NAMESPACE,
    OURS,
    POD,
    REPLICA_SET,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)

logger = logging.getLogger(__name__)

CHILDREN = f"{MANAGED_BY}={FIELD_MANAGER}"
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 10.0


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
            Collection(SERVICE_ACCOUNT, scope, CHILDREN, metadata_only=True),
            Collection(ROLE_BINDING, scope, CHILDREN, metadata_only=True),
            Collection(SERVICE, scope, CHILDREN, metadata_only=True),
            Collection(DEPLOYMENT, scope, CHILDREN),
            Collection(REPLICA_SET, scope, CHILDREN),
            Collection(POD, scope, CHILDREN),
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

    async def refresh(self) -> None:
        """List the collection: take in what is there, drop what is not."""
        listed: set[Key] = set()
        version = ""
        at = self.collection
        async for page in self._cluster.pages(
            at.resource, at.namespace, label_selector=at.label_selector, metadata_only=at.metadata_only
        ):
            version = page.resource_version
            for item in page.items:
                listed.add(key_of(item))
                await self._take(item)
        for key in self._intake.store.keys(at.resource.kind, at.namespace):
            if key not in listed:
                self._intake.gone(key, int(version))
        self._version = version

    async def follow(self) -> None:
        """Watch the collection, for ever: go on where it broke off, list again where that is too late."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                await self._watch()
                pause = SHORTEST_PAUSE
            except Gone:
                self._version = ""
            except KubeError as error:
                logger.warning("watch of %s broke off: %s", self.collection.resource.plural, error)
                pause = min(pause * 2, LONGEST_PAUSE)
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
