"""A cluster whose writes are counted and guarded.

Counted by verb and kind: at rest there are none, and a metric shows it. Guarded: who was stopped for a while
(a machine that slept, a debugger) may wake up when another one is active, and must not finish its sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from gagarin.controller.cluster import Cluster
from gagarin.controller.metrics import Metrics
from gagarin.core.objects import Object
from gagarin.kube.client import Page, Versions
from gagarin.kube.errors import Unavailable
from gagarin.kube.resources import Resource
from gagarin.kube.watch import WatchEvent

AT_ONCE = 32  # applies under way: each needs a connection, and a TLS connection holds 256 KiB


class CountedCluster:
    """Implements `Cluster` by passing every call on; writes only while `may_write`."""

    def __init__(self, cluster: Cluster, metrics: Metrics, may_write: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._may_write = may_write
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Object:
        return await self._cluster.get(resource, namespace, name, metadata_only=metadata_only)

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[Page]:
        return self._cluster.pages(
            resource, namespace, label_selector=label_selector, metadata_only=metadata_only
        )

    def versions(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str = ""
    ) -> AsyncIterator[Versions]:
        return self._cluster.versions(resource, namespace, label_selector=label_selector)

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        return self._cluster.watch(
            resource,
            namespace,
            resource_version=resource_version,
            label_selector=label_selector,
            metadata_only=metadata_only,
        )

    async def apply(
        self, item: Object, *, field_manager: str, force: bool = True, subresource: str = ""
    ) -> Object:
        self._account("apply", f"{item['kind']}/{subresource}" if subresource else item["kind"])
        async with self._slots:
            return await self._cluster.apply(
                item, field_manager=field_manager, force=force, subresource=subresource
            )

    async def patch(
        self, resource: Resource, namespace: str, name: str, change: Object, *, field_manager: str
    ) -> Object:
        self._account("patch", resource.kind)
        return await self._cluster.patch(resource, namespace, name, change, field_manager=field_manager)

    async def create(self, resource: Resource, item: Object) -> Object:
        self._account("create", resource.kind)
        return await self._cluster.create(resource, item)

    async def replace(self, resource: Resource, item: Object) -> Object:
        self._account("replace", resource.kind)
        return await self._cluster.replace(resource, item)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        self._account("delete", resource.kind)
        await self._cluster.delete(resource, namespace, name, uid=uid)

    def _account(self, verb: str, kind: str) -> None:
        if not self._may_write():
            raise Unavailable("the Lease is not held: nothing is written")
        self._metrics.writes.labels(verb, kind).inc()
