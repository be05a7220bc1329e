"""A cluster as it would be with the files applied: its objects, read as the user, files laid over them.

Only what is needed is read: our five kinds (in all namespaces, or where that is not allowed in those of the
files), and of the rest what the affected Instances refer to. What the user may not read is remembered, not
guessed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gagarin.cli.errors import CommandError
from gagarin.core.graph import Graph, digest_of, references
from gagarin.core.objects import Key, Object, ObjectMap, key_of
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import EndpointError, Forbidden, KubeError, NotFound
from gagarin.kube.resources import BY_KIND, OURS, Resource


@dataclass(slots=True)
class View:
    """`objects` is the cluster with the files applied, `live` the cluster without. `unreadable` are objects
    that may be there, but the user may not see them."""

    objects: ObjectMap = field(default_factory=ObjectMap)
    live: ObjectMap = field(default_factory=ObjectMap)
    unreadable: set[Key] = field(default_factory=set)

    def affected(self, files: Iterable[Key]) -> list[Key]:
        """The Instances whose meaning depends on one of the files' objects."""
        graph = Graph()
        for key, item in self.objects.items():
            graph.put(key, references(item), digest_of(item))
        found = set().union(*(graph.affected(key) for key in files))
        return sorted(key for key in found if key.kind == "Instance")


async def view_of(client: KubeClient, files: Mapping[Key, Object]) -> View:
    """Reads the cluster. Raises `CommandError` when that cannot be done."""
    view = View()
    try:
        for resource in OURS:
            for item in await _listed(client, resource, files):
                view.live[key_of(item)] = item
        view.objects.update(view.live)
        for key, item in files.items():
            view.objects[key] = laid_over(view.live.get(key), item)
        await _complete(client, view, files)
    except EndpointError as error:
        raise CommandError(str(error)) from error
    except KubeError as error:
        raise CommandError(f"the cluster cannot be read: {error}") from error
    return view


def laid_over(live: Object | None, item: Object) -> Object:
    """A file's object as it will be in the cluster. An autoscaler's `replicas` stay, where the file says
    none."""
    if live is None:
        return item
    laid = copy.deepcopy(item)
    laid["metadata"]["uid"] = live["metadata"]["uid"]
    if item["kind"] == "Instance" and "replicas" in live["spec"]:
        laid.setdefault("spec", {}).setdefault("replicas", live["spec"]["replicas"])
    return laid


async def _listed(client: KubeClient, resource: Resource, files: Mapping[Key, Object]) -> list[Object]:
    try:
        return (await client.list(resource)).items
    except Forbidden:
        namespaces = sorted({key.namespace for key in files if key.namespace})
        return [item for name in namespaces for item in (await client.list(resource, name)).items]
    except NotFound as error:
        raise CommandError(
            "the cluster has no definitions of Gagarin: install the chart gagarin-crds"
        ) from error


async def _complete(client: KubeClient, view: View, files: Mapping[Key, Object]) -> None:
    """Reads what the affected Instances refer to, and what that refers to."""
    waiting = view.affected(files)
    seen = set(waiting)
    while waiting:
        key = waiting.pop()
        if key not in view.objects:
            await _read(client, view, key)
        found = references(view.objects[key]) - seen if key in view.objects else frozenset()
        seen |= found
        waiting.extend(found)


async def _read(client: KubeClient, view: View, key: Key) -> None:
    try:
        view.live[key] = view.objects[key] = await client.get(BY_KIND[key.kind], key.namespace, key.name)
    except NotFound:
        return
    except Forbidden as error:
        if key.kind not in ("Secret", "Namespace"):
            raise CommandError(
                f"the affected Instances need {key}, and you may not read it: {error}"
            ) from error
        view.unreadable.add(key)
