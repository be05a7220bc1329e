"""What Instances came to, in few words, for as long as nothing changes that they depend on.

Most of the news about an Instance is how its pods do. Resolving and rendering it anew for each would be most
of the operator's work, and give the same manifests every time. So what came of it is kept without the
manifests, a kilobyte each, until the graph says that something else may come of it now (`Intake`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gagarin.controller.ownership import fingerprint_of
from gagarin.core.objects import Key, Object, key_of
from gagarin.core.render import revision_of
from gagarin.core.resolve import Resolution


@dataclass(frozen=True, slots=True)
class Plan:
    """The children that an Instance should have, by their fingerprints, and what else its status is made
    from: the resolution, without what only rendering needs."""

    resolution: Resolution
    revision: str
    children: dict[Key, str]


def plan_of(resolution: Resolution, wanted: Sequence[Object]) -> Plan:
    """The plan of (stamped) manifests."""
    return Plan(
        resolution=replace(resolution, resolved=None),
        revision=revision_of(wanted),
        children={key_of(manifest): fingerprint_of(manifest) for manifest in wanted},
    )


class Plans:
    """Plans by Instance. Put one in at the moment of resolving: what changes later takes it out again."""

    def __init__(self) -> None:
        self._plans: dict[Key, Plan] = {}

    def get(self, instance: Key) -> Plan | None:
        """The plan that still holds, if there is one."""
        return self._plans.get(instance)

    def put(self, instance: Key, plan: Plan) -> None:
        """This is what the Instance comes to now."""
        self._plans[instance] = plan

    def drop(self, key: Key) -> None:
        """Something that this object depends on has changed."""
        self._plans.pop(key, None)

    def clear(self) -> None:
        """The operator's settings have changed."""
        self._plans.clear()
