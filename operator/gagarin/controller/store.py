"""What the operator knows of the cluster: the newest version of every object it was told about, and no older.

Objects come from watches, from lists and from the answers to our own writes, in any order; resource versions
say which is newer (they are integers that grow, KEP-5504). What the operator does not use is not kept:
managedFields (for children, their essence is: `ownership.FieldSet`), and of children that are judged by their
metadata alone everything else.
"""

from __future__ import annotations

from collections.abc import Iterator

from gagarin.controller.ownership import FieldSet, field_set
from gagarin.controller.pods import modified_at
from gagarin.core.names import FIELD_MANAGER, INSTANCE, MANAGED_BY
from gagarin.core.objects import Key, Object, key_of

CHILD_KINDS = ("ServiceAccount", "RoleBinding", "ConfigMap", "Deployment", "Service")
POD_KINDS = ("ReplicaSet", "Pod")  # not applied by us, but read for an Instance's status

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NOTHING = FieldSet({".": {}})


def version_of(item: Object) -> int:
    """The resource version as a number. 0 when there is none."""
    return int(item["metadata"].get("resourceVersion") or 0)


def owner_of(item: Object) -> Key | None:
    """The Instance that a child, ReplicaSet or Pod belongs to, by its labels."""
    metadata = item["metadata"]
    labels = metadata.get("labels") or {}
    if item["kind"] not in CHILD_KINDS + POD_KINDS or labels.get(MANAGED_BY) != FIELD_MANAGER:
        return None
    name = labels.get(INSTANCE)
    return Key("Instance", metadata.get("namespace", ""), name) if name else None


class Store:
    """Objects by key, and the children of every Instance. An `Objects` for the core."""

    def __init__(self) -> None:
        self._objects: dict[Key, Object] = {}
        self._owned: dict[Key, FieldSet] = {}
        self._applied: dict[Key, str] = {}
        self._modified: dict[Key, str] = {}
        self._children: dict[Key, set[Key]] = {}
        self._gone: dict[Key, int] = {}

    def get(self, key: Key, /) -> Object | None:
        """The object, or None when it does not exist as far as we know."""
        return self._objects.get(key)

    def put(self, item: Object) -> bool:
        """Take in an object. False when what we know is as new, or newer. The store keeps `item` itself."""
        key, version = key_of(item), version_of(item)
        known = self._objects.get(key)
        if version <= max(self._gone.get(key, 0), version_of(known) if known else -1):
            return False
        if known is not None:
            self._unlink(key, known)
        self._gone.pop(key, None)
        if (owner := owner_of(item)) is not None:
            self._children.setdefault(owner, set()).add(key)
            if key.kind in CHILD_KINDS:
                self._owned[key] = field_set(item)
        if key.kind == "Secret":
            self._modified[key] = modified_at(item)
        _slim(item)
        self._objects[key] = item
        return True

    def drop(self, key: Key, version: int) -> Object | None:
        """The object was gone at this resource version. Returns it, unless we know a newer one or none."""
        known = self._objects.get(key)
        if known is not None and version_of(known) > version:
            return None
        self._gone[key] = max(version, self._gone.get(key, 0))
        return self.forget(key)

    def forget(self, key: Key) -> Object | None:
        """Keep the object no longer, though it may exist. Returns it."""
        known = self._objects.pop(key, None)
        if known is not None:
            self._unlink(key, known)
        return known

    def owned(self, key: Key) -> FieldSet:
        """Which fields of a child are ours."""
        return self._owned.get(key, _NOTHING)

    def note_applied(self, key: Key, fingerprint: str) -> None:
        """This version of a child was found to be as the manifest with this fingerprint wants it."""
        self._applied[key] = fingerprint

    def found_applied(self, key: Key) -> str | None:
        """What was noted of this version."""
        return self._applied.get(key)

    def modified(self, key: Key) -> str:
        """When a Secret was last modified (RFC 3339), as the API server recorded it."""
        return self._modified.get(key, "")

    def children(self, instance: Key, *kinds: str) -> list[Object]:
        """The objects of an Instance, of these kinds, by name."""
        keys = sorted(key for key in self._children.get(instance, ()) if key.kind in kinds)
        return [self._objects[key] for key in keys]

    def keys(self, kind: str, namespace: str | None = None) -> Iterator[Key]:
        """The keys of a kind, everywhere or in one namespace."""
        for key in list(self._objects):
            if key.kind == kind and namespace in (None, key.namespace):
                yield key

    def forget_deletions(self) -> None:
        """Called before everything is listed: what was deleted before cannot come back from older news."""
        self._gone.clear()

    def __len__(self) -> int:
        return len(self._objects)

    def _unlink(self, key: Key, item: Object) -> None:
        self._owned.pop(key, None)
        self._applied.pop(key, None)
        self._modified.pop(key, None)
        if (owner := owner_of(item)) is not None:
            children = self._children[owner]
            children.discard(key)
            if not children:
                del self._children[owner]


def _slim(item: Object) -> None:
    metadata = item["metadata"]
    metadata.pop("managedFields", None)
    if _LAST_APPLIED in (annotations := metadata.get("annotations") or {}):
        del annotations[_LAST_APPLIED]
