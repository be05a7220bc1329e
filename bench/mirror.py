"""What a collection holds now, kept by a watch.

The scale benchmark waits for thousands of objects. Listing them again and again would cost the API server,
on the cores that are shared, a good part of what is being measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gagarin.core.objects import Object
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import Gone, Unavailable
from gagarin.kube.resources import Resource

SELECTOR = "app.kubernetes.io/managed-by=gagarin"


class Mirror:
    """One kind in one namespace, by name. `whole`: with specs and statuses, else metadata only."""

    def __init__(self, client: KubeClient, resource: Resource, namespace: str, *, whole: bool) -> None:
        self.items: dict[str, Object] = {}
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._metadata_only = not whole
        self._selector = "" if whole else SELECTOR

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(Gone, Unavailable):
                version = await self._list()
                while True:
                    version = await self._watch(version)

    async def _list(self) -> str:
        page = await self._client.list(
            self._resource, self._namespace, label_selector=self._selector, metadata_only=self._metadata_only
        )
        self.items = {item["metadata"]["name"]: item for item in page.items}
        return page.resource_version

    async def _watch(self, version: str) -> str:
        changes = self._client.watch(
            self._resource,
            self._namespace,
            resource_version=version,
            label_selector=self._selector,
            metadata_only=self._metadata_only,
        )
        async for event in changes:
            version = event.resource_version
            name = event.object["metadata"].get("name")
            if event.type == "DELETED":
                self.items.pop(name, None)
            elif event.type != "BOOKMARK":
                self.items[name] = event.object
        return version


@asynccontextmanager
async def mirrors(
    client: KubeClient, namespace: str, whole: list[Resource], metadata: list[Resource]
) -> AsyncIterator[dict[str, Mirror]]:
    """By kind; they follow as long as the block runs."""
    found = {each.kind: Mirror(client, each, namespace, whole=True) for each in whole}
    found |= {each.kind: Mirror(client, each, namespace, whole=False) for each in metadata}
    tasks = [asyncio.create_task(mirror.follow()) for mirror in found.values()]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
