"""`gagarin diff`: what applying a folder would change of what runs. It asks the cluster and changes nothing.

The files are laid over the cluster's objects, every Instance that depends on one of them is resolved and
rendered as the operator does it, and each child is applied with `dryRun=All`, so that defaults and admission
plugins are in the answer and do not show as differences. Where the user may not do that, the rendered fields
are compared alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gagarin.cli.cluster import View, view_of
from gagarin.cli.comparison import difference, merged
from gagarin.cli.errors import CommandError
from gagarin.cli.settings import OperatorSettings
from gagarin.cli.standins import with_stand_ins
from gagarin.core import names
from gagarin.core.children import CHILD_KINDS
from gagarin.core.objects import Key, Object, ObjectMap, key_of
from gagarin.core.problems import Problem
from gagarin.core.render import render, revision_of
from gagarin.core.resolve import resolve
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import Forbidden, KubeError, NotFound
from gagarin.kube.resources import BY_KIND

# Kept while pods may need them, whatever the spec says.
NOT_PRUNED = {"ConfigMap", "PersistentVolumeClaim"}


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one Instance: a headline, and a unified diff for each child that differs."""

    instance: Key
    headline: str
    differences: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_one(self) -> bool:
        """Whether anything changes."""
        return bool(self.differences or self.problems)


@dataclass(slots=True)
class Diff:
    """What would become of the affected Instances, and what the user should know about how it was found
    out."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def diff_of(client: KubeClient, files: Mapping[Key, Object], settings: OperatorSettings) -> Diff:
    """Asks the cluster. Raises `CommandError` when it does not answer."""
    view = await view_of(client, files)
    objects, _ = with_stand_ins(view.objects, settings.policy.secret_label, only=view.unreadable)
    found = Diff(
        notes=[f"you may not read {key}: taken to be as it should" for key in sorted(view.unreadable)]
    )
    affected = view.affected(files)
    comparing = _Comparing(client, found)
    try:
        await comparing.read({key.namespace for key in affected})
        for key in affected:
            found.changes.append(await _change(comparing, key, objects, view, settings))
    except KubeError as error:
        raise CommandError(f"the cluster cannot be asked: {error}") from error
    return found


async def _change(
    comparing: _Comparing, key: Key, objects: ObjectMap, view: View, settings: OperatorSettings
) -> Change:
    resolution = resolve(objects[key], objects, settings.policy)
    if resolution.resolved is None:
        what = "is stopped: scaled to 0" if resolution.withdrawn else "goes on as it is, and is not Ready"
        return Change(key, what if key in view.live else "does not start", problems=resolution.problems)
    wanted = render(resolution.resolved, settings.render)
    live = comparing.children(key)
    differences = await comparing.differences(key, wanted)
    old, new = revision_of(live), revision_of(wanted)
    if not old:
        return Change(key, "is new", differences)
    rolls = f"new pods: revision {old} becomes {new}" if old != new else "the pods stay"
    return Change(key, rolls if differences else "no change", differences)


class _Comparing:
    """Compares rendered children with live ones."""

    def __init__(self, client: KubeClient, found: Diff) -> None:
        self._client = client
        self._found = found
        self._live: dict[Key, Object] = {}

    async def read(self, namespaces: Iterable[str]) -> None:
        """Reads the children of all Instances in these namespaces."""
        for namespace in sorted(namespaces):
            for kind in CHILD_KINDS:
                try:
                    page = await self._client.list(BY_KIND[kind], namespace, label_selector=names.INSTANCE)
                except Forbidden as error:
                    self._found.notes.append(f"children of kind {kind} in {namespace} are left out: {error}")
                    continue
                self._live |= {key_of(item): item for item in page.items}

    def children(self, instance: Key) -> list[Object]:
        """The live children of an Instance."""
        return [
            item
            for key, item in self._live.items()
            if key.namespace == instance.namespace
            and item["metadata"]["labels"].get(names.INSTANCE) == instance.name
        ]

    async def differences(self, instance: Key, wanted: list[Object]) -> tuple[str, ...]:
        """A diff for each child that is new, changes, or goes."""
        afters = await asyncio.gather(*(self._tried(manifest) for manifest in wanted))
        states: dict[Key, tuple[Object | None, Object | None]]
        states = {key_of(after): (self._before(instance, after), after) for after in afters}
        for gone in self.children(instance):
            key = key_of(gone)
            if key not in states and key.kind not in NOT_PRUNED:
                states[key] = (gone, None)
        texts = (difference(key, before, after) for key, (before, after) in states.items())
        return tuple(text for text in texts if text)

    def _before(self, instance: Key, after: Object) -> Object | None:
        """The live child; of a new configuration, the one that it takes the place of."""
        key = key_of(after)
        if key in self._live or key.kind != "ConfigMap":
            return self._live.get(key)
        revision = revision_of(self.children(instance))
        name = names.config_name(instance.name, revision)
        is_config = key.name.startswith(f"{instance.name}-")
        return self._live.get(Key("ConfigMap", key.namespace, name)) if revision and is_config else None

    async def _tried(self, manifest: Object) -> Object:
        """The child as it would be."""
        key = key_of(manifest)
        try:
            return await self._client.apply(manifest, field_manager=names.FIELD_MANAGER, dry_run=True)
        except NotFound:  # its namespace is yet to be made
            return manifest
        except Forbidden as error:
            note = f"{key.kind}: only the fields that Gagarin sets are compared: {error}"
            self._found.notes += [] if note in self._found.notes else [note]
            after: Object = merged(self._live.get(key), manifest)
            return after
