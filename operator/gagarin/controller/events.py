"""One Event for every transition of a condition, and none otherwise.

Events are a courtesy: they are sent in the background, and one that the API server does not take is dropped.
The name of an Event follows from the transition, so that sending one twice makes one. They are
events.k8s.io/v1; `kubectl describe` shows them, because core/v1 is the same storage.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime

from gagarin.controller.cluster import Cluster
from gagarin.core.objects import Object
from gagarin.core.status import Transition
from gagarin.kube.errors import AlreadyExists, KubeError
from gagarin.kube.resources import EVENT

logger = logging.getLogger(__name__)

CONTROLLER = "gagarin.fyodorov.ai/operator"
NOTE_LENGTH = 1024  # of bytes; the API server refuses more
WAITING = 2000  # more Events than this wait only when the API server is in trouble: drop the newest


class Events:
    """Sends Events. `now` is the wall clock, in UTC."""

    def __init__(self, cluster: Cluster, instance: str, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._instance = instance
        self._now = now
        self._queue: asyncio.Queue[Object] = asyncio.Queue(WAITING)

    def tell(self, item: Object, transition: Transition) -> None:
        """Send an Event about a condition of `item`, soon."""
        try:
            self._queue.put_nowait(self._event(item, transition))
        except asyncio.QueueFull:
            logger.warning("an Event about %s was dropped", item["metadata"]["name"])

    async def send(self) -> None:
        """Send what is told, for ever."""
        while True:
            event = await self._queue.get()
            await self._post(event)
            self._queue.task_done()

    async def flush(self) -> None:
        """Wait until everything told so far is sent; `send` must be running."""
        await self._queue.join()

    async def _post(self, event: Object) -> None:
        try:
            await self._cluster.create(EVENT, event)
        except AlreadyExists:
            pass  # this transition was told before
        except KubeError as error:
            logger.warning("an Event could not be sent: %s", error)

    def _event(self, item: Object, transition: Transition) -> Object:
        metadata = item["metadata"]
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"namespace": metadata["namespace"], "name": _name(item, transition)},
            "eventTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "type": transition.event_type,
            "reason": transition.reason,
            "note": _shortened(transition.message),
            "regarding": {
                "apiVersion": item["apiVersion"],
                "kind": item["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        }


def _name(item: Object, transition: Transition) -> str:
    """The resource version is that of the status that has the transition in it."""
    metadata = item["metadata"]
    parts = (metadata["uid"], metadata["resourceVersion"], transition.condition, transition.reason)
    return f"{metadata['name']}.{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def _shortened(message: str) -> str:
    if len(message.encode()) <= NOTE_LENGTH:
        return message
    return message.encode()[: NOTE_LENGTH - 3].decode(errors="ignore") + "…"
