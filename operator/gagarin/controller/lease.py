"""One active operator: a Lease of coordination.k8s.io, as client-go's leader election uses it.

Clocks of different machines are never compared: a Lease counts as abandoned when this process has seen it
unchanged for its whole duration. Who holds it and cannot renew it in time stops before anybody else may
begin.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gagarin.controller.cluster import Cluster
from gagarin.core.objects import Object
from gagarin.kube.errors import Forbidden, KubeError, NotFound, Unauthorized
from gagarin.kube.resources import LEASE

logger = logging.getLogger(__name__)


class LeaseLost(Exception):  # noqa: N818 -- a state, not a mistake: somebody else may be active now
    """The Lease was not renewed in time. The process must end at once, without another write."""


@dataclass(frozen=True, slots=True)
class Terms:
    """In seconds: how long a Lease lasts without renewal, when its holder gives up, how often it is
    renewed."""

    duration: float = 15.0
    deadline: float = 10.0
    period: float = 2.0


class Lease:
    """The Lease of one name, and whether it is ours. `clock` is monotonic, `now` the wall clock in UTC."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        holder: str,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        terms: Terms = Terms(),
    ) -> None:
        self.holder = holder
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._now = now
        self._clock = clock
        self._terms = terms
        self._seen: tuple[Any, Any] = (None, None)  # holder and renewal of the last record, and
        self._since = 0.0  # since when we have seen it like that
        self._renewed = -math.inf  # when that was asked for which made it ours

    @property
    def is_held(self) -> bool:
        """Is the Lease ours beyond doubt? Not when this process was stopped for longer than it lasts."""
        return self._clock() - self._renewed < self._terms.duration

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self._try():  # noqa: ASYNC110 -- nothing in this process says when another ends
            await asyncio.sleep(self._terms.period * (0.75 + random.random() / 2))  # noqa: S311 -- jitter

    async def keep(self) -> None:
        """Renew the Lease that was acquired, for ever. Raises `LeaseLost`."""
        while True:
            await asyncio.sleep(self._terms.period)
            try:
                async with asyncio.timeout(self._terms.deadline - (self._clock() - self._renewed)):
                    await self._try()
            except TimeoutError:
                logger.warning("Lease %s could not be renewed: the API server does not answer", self._name)
            if self._seen[0] not in (self.holder, None, ""):
                raise LeaseLost(f"Lease {self._name} has another holder, {self._seen[0]}")
            if self._clock() - self._renewed >= self._terms.deadline:
                raise LeaseLost(f"Lease {self._name} was not renewed for {self._terms.deadline:.0f} s")

    async def release(self) -> None:
        """Let the next one begin at once. Failing to is no harm: the Lease runs out."""
        try:
            record = await self._cluster.get(LEASE, self._namespace, self._name)
            if record["spec"].get("holderIdentity") == self.holder:
                record["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._cluster.replace(LEASE, record)
        except KubeError as error:
            logger.warning("Lease %s could not be released: %s", self._name, error)

    async def _try(self) -> bool:
        """Is the Lease ours now? What counts is when that was asked for: others may see it long before a slow
        answer comes. Raises `Forbidden` and `Unauthorized`: waiting would not help."""
        asked = self._clock()
        try:
            is_ours = await self._take()
        except (Forbidden, Unauthorized):
            raise
        except KubeError as error:
            logger.warning("Lease %s could not be taken or renewed: %s", self._name, error)
            return False
        if is_ours:
            self._renewed = asked
        return is_ours

    async def _take(self) -> bool:
        try:
            record = await self._cluster.get(LEASE, self._namespace, self._name)
        except NotFound:
            return await self._create()
        if not self._may_take(record["spec"]):
            return False
        await self._cluster.replace(LEASE, {**record, "spec": self._terms_taken(record["spec"])})
        return True

    async def _create(self) -> bool:
        metadata = {"namespace": self._namespace, "name": self._name}
        record: Object = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata}
        await self._cluster.create(LEASE, {**record, "spec": self._terms_taken({})})
        return True

    def _may_take(self, spec: dict[str, Any]) -> bool:
        holder = spec.get("holderIdentity")
        seen = (holder, spec.get("renewTime"))
        if seen != self._seen:
            self._seen, self._since = seen, self._clock()
        lasts = spec.get("leaseDurationSeconds") or self._terms.duration
        return not holder or holder == self.holder or self._clock() - self._since >= lasts

    def _terms_taken(self, spec: dict[str, Any]) -> dict[str, Any]:
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        is_ours = spec.get("holderIdentity") == self.holder
        changes = spec.get("leaseTransitions", 0)
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": round(self._terms.duration),
            "acquireTime": spec.get("acquireTime", time) if is_ours else time,
            "renewTime": time,
            "leaseTransitions": changes if is_ours or not spec else changes + 1,
        }
