"""An API server in memory: the operator's one seam, kept honest.

It keeps the rules that the operator relies on: resource versions that grow with every change and not without,
uids, generations, conditional writes, server-side apply with a record of who owns which field, merge patches,
watches that begin at a version. What it does not have: schemas, defaults, controllers, garbage collection.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gagarin.core.objects import Key, Object, key_of
from gagarin.kube.client import Page, Versions
from gagarin.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from gagarin.kube.resources import Resource
from gagarin.kube.watch import WatchEvent

Path = tuple[str, ...]
NOT_RECORDED = {
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    ("metadata", "uid"),
}
START = "2030-01-01T00:00:00Z"


@dataclass
class FakeCluster:
    """Implements `gagarin.controller.cluster.Cluster`. `writes` and `reads` record the calls."""

    objects: dict[Key, Object] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    failing: list[KubeError] = field(default_factory=list)  # raised by the next writes, one each
    owners: dict[Key, dict[str, set[Path]]] = field(default_factory=dict)
    history: list[tuple[int, WatchEvent]] = field(default_factory=list)
    time: str = START
    modified: dict[Key, str] = field(default_factory=dict)
    _version: int = 100
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    # What people do to the cluster, and what happens to them.

    def add(self, item: Object) -> Object:
        """Somebody creates or replaces an object, all of it theirs."""
        key = key_of(item)
        known = self.objects.get(key)
        metadata = {"resourceVersion": "", **item["metadata"]}
        if known is None:
            self.owners[key] = {"somebody": set()}
            metadata = {"uid": f"uid-{self._version}", "creationTimestamp": self.time, **metadata}
        else:
            metadata = {
                **{name: known["metadata"][name] for name in ("uid", "creationTimestamp")},
                **metadata,
            }
        changed = known is None or known.get("spec") != item.get("spec")
        generation = (known or {}).get("metadata", {}).get("generation", 0) + changed
        status = {"status": known["status"]} if known and "status" in known and "status" not in item else {}
        return self._store({**item, **status, "metadata": {**metadata, "generation": generation}})

    def edit(self, key: Key, path: Path, value: Any) -> Object:
        """Somebody changes one field, and owns it from then on. None removes it."""
        item = copy.deepcopy(self.objects[key])
        inner = item
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        if value is None:
            inner.pop(path[-1], None)
        else:
            inner[path[-1]] = value
        for paths in self.owners[key].values():
            paths -= {owned for owned in paths if owned[: len(path)] == path}
        return self._store(item, bump=path[0] == "spec")

    def remove(self, key: Key) -> None:
        """Somebody deletes an object."""
        item = self.objects.pop(key)
        del self.owners[key]
        self._version += 1
        item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self._version)}}
        self._tell("DELETED", item)

    # The operator's side.

    async def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Object:
        await asyncio.sleep(0)
        self.reads.append(f"get {resource.kind} {name}")
        return self._shown(self._find(resource, namespace, name), metadata_only)

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[Page]:
        self.reads.append(f"list {resource.kind}")
        version = str(self._version)
        found = [
            item for item in self.objects.values() if _matches(item, resource, namespace, label_selector)
        ]
        for begin in range(0, max(len(found), 1), 2):
            await asyncio.sleep(0)
            items = [self._shown(item, metadata_only) for item in found[begin : begin + 2]]
            yield Page(items, version)

    async def versions(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str = ""
    ) -> AsyncIterator[Versions]:
        self.reads.append(f"compare {resource.kind}")
        await asyncio.sleep(0)
        found = [
            item for item in self.objects.values() if _matches(item, resource, namespace, label_selector)
        ]
        for begin in range(0, max(len(found), 1), 2):
            each = found[begin : begin + 2]
            versions = {key_of(item): int(item["metadata"]["resourceVersion"]) for item in each}
            yield Versions(versions, str(self._version))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        told = 0
        while True:
            for version, event in self.history[told:]:
                told += 1
                fits = _matches(event.object, resource, namespace, label_selector)
                if version > int(resource_version) and fits:
                    yield WatchEvent(event.type, self._shown(event.object, metadata_only))
            self._changed.clear()
            await self._changed.wait()

    async def apply(
        self, item: Object, *, field_manager: str, force: bool = True, subresource: str = ""
    ) -> Object:
        key = key_of(item)
        await self._begin(f"apply {key.kind}{f'/{subresource}' if subresource else ''} {key.name}")
        live = self.objects.get(key)
        _check_conditions(item, live, subresource)
        if live is None:
            created = {"metadata": {"uid": f"uid-{self._version}", "creationTimestamp": self.time}}
            live = {"apiVersion": item["apiVersion"], "kind": item["kind"], **created}
            self.owners[key] = {}
        merged = copy.deepcopy(live)
        wanted = {path: value for path, value in _leaves(item) if path not in NOT_RECORDED}
        wanted.pop(("metadata", "resourceVersion"), None)
        owned = self.owners[key].setdefault(field_manager + subresource, set())
        for path in owned - wanted.keys():
            _remove(merged, path)
        _merge(merged, item)
        for manager in self.owners[key].values():
            manager -= {path for path in wanted if _at(live, path) != wanted[path]}
        self.owners[key][field_manager + subresource] = set(wanted)
        bump = merged.get("spec") != live.get("spec")
        return copy.deepcopy(self._store(merged, bump=bump, before=live))

    async def patch(
        self, resource: Resource, namespace: str, name: str, change: Object, *, field_manager: str
    ) -> Object:
        await self._begin(f"patch {resource.kind} {name}")
        live = self._find(resource, namespace, name)
        merged = copy.deepcopy(live)
        _merge(merged, change)
        changed = {path for path, value in _leaves(change) if _at(live, path) != value}
        for paths in self.owners[key_of(live)].values():
            paths -= changed
        return copy.deepcopy(self._store(merged, bump="spec" in change, before=live))

    async def create(self, resource: Resource, item: Object) -> Object:
        await self._begin(f"create {resource.kind} {item['metadata']['name']}")
        if key_of(item) in self.objects:
            raise AlreadyExists("exists", status=409, reason="AlreadyExists")
        return copy.deepcopy(self.add(copy.deepcopy(item)))

    async def replace(self, resource: Resource, item: Object) -> Object:
        await self._begin(f"replace {resource.kind} {item['metadata']['name']}")
        live = self._find(resource, item["metadata"]["namespace"], item["metadata"]["name"])
        if item["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise Conflict("changed", status=409, reason="Conflict")
        return copy.deepcopy(self.add(copy.deepcopy(item)))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        await self._begin(f"delete {resource.kind} {name}")
        item = self._find(resource, namespace, name)
        if item["metadata"]["uid"] != uid:
            raise Conflict("another uid", status=409)
        self.remove(key_of(item))

    # How it is kept.

    async def _begin(self, call: str) -> None:
        await asyncio.sleep(0)
        self.writes.append(call)
        if self.failing:
            raise self.failing.pop(0)

    def _find(self, resource: Resource, namespace: str, name: str) -> Object:
        item = self.objects.get(Key(resource.kind, namespace if resource.namespaced else "", name))
        if item is None:
            raise NotFound(f"{resource.plural} {name} not found", status=404)
        return item

    def _store(self, item: Object, *, bump: bool = False, before: Object | None = None) -> Object:
        key = key_of(item)
        item["metadata"].pop("managedFields", None)
        if before is not None and key in self.objects and _content(item) == _content(before):
            return self._shown(self.objects[key], metadata_only=False)
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        if bump:
            item["metadata"]["generation"] = item["metadata"].get("generation", 0) + 1
        kind = "MODIFIED" if key in self.objects else "ADDED"
        self.objects[key] = item
        self.modified[key] = self.time
        self._tell(kind, item)
        return self._shown(item, metadata_only=False)

    def _tell(self, kind: Any, item: Object) -> None:
        self.history.append((self._version, WatchEvent(kind, copy.deepcopy(item))))
        self._changed.set()

    def _shown(self, item: Object, metadata_only: bool) -> Object:
        shown = copy.deepcopy(item)
        owners = self.owners.get(key_of(item), {})
        shown["metadata"]["managedFields"] = [
            {
                "manager": manager.removesuffix("status"),
                "operation": "Apply",
                "time": self.modified[key_of(item)],
                "fieldsV1": _fields(paths),
                **({"subresource": "status"} if manager.endswith("status") else {}),
            }
            for manager, paths in owners.items()
        ]
        return {name: shown[name] for name in ("apiVersion", "kind", "metadata")} if metadata_only else shown


def _check_conditions(item: Object, live: Object | None, subresource: str) -> None:
    """As kube-apiserver 1.30 to 1.34 does: a resource version counts only against an object that exists."""
    metadata = item["metadata"]
    if live is None:
        if subresource or "uid" in metadata:
            raise NotFound("not found", status=404) if subresource else Conflict("uid mismatch", status=409)
        return
    if (
        metadata.get("resourceVersion", live["metadata"]["resourceVersion"])
        != live["metadata"]["resourceVersion"]
    ):
        raise Conflict("the object has been modified", status=409, reason="Conflict")
    if metadata.get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
        raise Conflict("uid mismatch", status=409, reason="Conflict")


def _matches(item: Object, resource: Resource, namespace: str | None, selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    wanted = dict(part.split("=") for part in selector.split(",")) if selector else {}
    here = namespace in (None, item["metadata"].get("namespace", ""))
    return bool(item["kind"] == resource.kind and here and wanted.items() <= labels.items())


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts that are owned one by one: fields of objects, and of lists whose items have names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"f:{name}", inner
    else:
        for inner in value:
            yield "k:" + msgspec.json.encode({"name": inner["name"]}).decode(), inner


def _is_divisible(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) and "name" in one for one in value)
    return isinstance(value, dict) and bool(value)


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not _is_divisible(value) or path[-1:] == ("ownerReferences",):
        yield path, value
        return
    for part, inner in _items(value):
        yield from _leaves(inner, (*path, part.removeprefix("f:")))


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = _entry(value, part)
    return value


def _entry(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.startswith("k:"):
        name = msgspec.json.decode(part[2:])["name"]
        return next((one for one in value if one.get("name") == name), None)
    return None


def _remove(item: Object, path: Path) -> None:
    inner = _at(item, path[:-1])
    if isinstance(inner, dict):
        inner.pop(path[-1], None)
    elif isinstance(inner, list) and (entry := _entry(inner, path[-1])) is not None:
        inner.remove(entry)


def _merge(item: Object, change: Object) -> None:
    for name, value in change.items():
        if value is None:
            item.pop(name, None)
        elif name == "status" and "conditions" in value:
            item[name] = copy.deepcopy(value)
        elif isinstance(value, dict) and isinstance(item.get(name), dict):
            _merge(item[name], value)
        elif name != "resourceVersion":
            item[name] = copy.deepcopy(value)


def _fields(paths: set[Path]) -> Object:
    record: Object = {}
    for path in sorted(paths):
        inner = record
        for part in path:
            inner = inner.setdefault(part if part.startswith("k:") else f"f:{part}", {})
    return record


def _content(item: Object) -> Object:
    skipped = ("resourceVersion", "generation", "managedFields")
    metadata = {name: value for name, value in item["metadata"].items() if name not in skipped}
    return {**item, "metadata": metadata}
