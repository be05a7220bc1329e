"""The one seam between the operator and the world: what it asks of an API server.

`kube.client.KubeClient` is one; tests have another, in memory, that keeps the same rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any, Protocol

from gagarin.core.objects import Object
from gagarin.kube.client import Page, Versions
from gagarin.kube.resources import Resource
from gagarin.kube.watch import WatchEvent


class Cluster(Protocol):
    """An API server, as `kube.client.KubeClient` documents each call."""

    async def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Object:
        """One object."""
        ...

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[Page]:
        """A collection, page by page."""
        ...

    def versions(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str = ""
    ) -> AsyncIterator[Versions]:
        """How new the objects of a collection are, page by page."""
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        """The changes to a collection."""
        ...

    async def apply(
        self, item: Object, *, field_manager: str, force: bool = True, subresource: str = ""
    ) -> Object:
        """Server-side apply."""
        ...

    async def patch(
        self, resource: Resource, namespace: str, name: str, change: Object, *, field_manager: str
    ) -> Object:
        """A merge patch."""
        ...

    async def create(self, resource: Resource, item: Object) -> Object:
        """Create an object."""
        ...

    async def replace(self, resource: Resource, item: Object) -> Object:
        """Replace an object."""
        ...

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        """Delete an object."""
        ...


async def together(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Make several calls at once. Returns when all have ended, so that none goes on unseen, and raises the
    first error."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
