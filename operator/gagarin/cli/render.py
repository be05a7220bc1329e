"""`gagarin render`: the manifests that the Instances in a folder become, by the operator's own resolve and
render.

The output is what the operator would apply, less what only a live Instance has: its uid, and so the reference
to it as the owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gagarin.cli.errors import CommandError
from gagarin.cli.manifests import Reading
from gagarin.cli.settings import OperatorSettings
from gagarin.cli.standins import with_stand_ins
from gagarin.core.objects import Key, Object, ObjectMap
from gagarin.core.problems import Problem
from gagarin.core.render import render
from gagarin.core.resolve import resolve


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one Instance becomes: its children in the order they are applied, or why there are none."""

    instance: Key
    children: Sequence[Object] = ()
    problems: Sequence[Problem] = ()


def rendered(
    reading: Reading, settings: OperatorSettings, name: str | None = None
) -> tuple[list[Rendered], frozenset[Key]]:
    """Every Instance (of that name) among the files, and the Secrets that were stood in for."""
    objects, missing = with_stand_ins(reading.objects(), settings.policy.secret_label)
    wanted = [key for key in sorted(objects) if key.kind == "Instance" and name in (None, key.name)]
    if not wanted:
        called = f" called {name}" if name else ""
        raise CommandError(f"there is no Instance{called} among the manifests")
    return [_rendered(key, objects, settings) for key in wanted], missing


def _rendered(key: Key, objects: ObjectMap, settings: OperatorSettings) -> Rendered:
    resolution = resolve(objects[key], objects, settings.policy)
    if resolution.resolved is None:
        return Rendered(key, problems=resolution.problems)
    return Rendered(key, children=render(resolution.resolved, settings.render))
