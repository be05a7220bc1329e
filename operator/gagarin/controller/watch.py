"""kopf, which watches our own kinds: the only module that imports it.

Nothing else of kopf is used. Its handlers would write an annotation per object and its indices are slow with
thousands of them; what it is good at is to keep watches alive. So every event goes straight to the intake,
and a missed one is found by the resync. Registry and settings are explicit: nothing is global, nothing is
scanned, nothing is posted, no other operator is looked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import kopf

from gagarin.controller.intake import Intake
from gagarin.controller.store import version_of
from gagarin.core.objects import Object, key_of
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.kube.resources import OURS, Resource


class _Patience:
    """The pauses between tries, in seconds: kopf gives up, and so ends the process, when they end."""

    def __iter__(self) -> Iterator[float]:
        return chain((1.0, 1.0, 2.0, 3.0), repeat(5.0))


class _NoDiffs(kopf.DiffBaseStorage):
    """Nobody asks kopf what has changed: it need not copy and compare every object to find out."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: kopf.Body) -> None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: Any) -> None:
        """Nothing is written."""


async def watch_our_kinds(
    endpoint: Endpoint, namespaces: Sequence[str], intake: Intake, started: Callable[[], None]
) -> None:
    """Run kopf until cancelled. `started` is called when its tasks are there, before they run: kopf has then
    taken over the process's signal handlers. It has its own client, because it closes what it is given."""
    async with KubeClient(endpoint, user_agent="gagarin-operator") as client:
        existing = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=_registry(client, intake),
            settings=_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=list(namespaces),
        )
        started()
        await kopf.run_tasks(tasks, ignored=existing)


def _registry(client: KubeClient, intake: Intake) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=client.endpoint.server, aiohttp_session=client.session)

    for resource in OURS:
        _forward(registry, resource, intake)
    return registry


def _forward(registry: kopf.OperatorRegistry, resource: Resource, intake: Intake) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)
    async def forward(event: Any, **_: Any) -> None:
        item: Object = event["object"]
        if event["type"] == "DELETED":
            intake.gone(key_of(item), version_of(item))
        else:
            intake.seen(item)


def _settings() -> kopf.OperatorSettings:
    logging.getLogger("kopf").setLevel(logging.WARNING)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.initial_streaming = False
    settings.networking.error_backoffs = _Patience()
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 100
    settings.queueing.idle_timeout = 0.1  # its worker per object holds memory while it waits for more
    return settings
