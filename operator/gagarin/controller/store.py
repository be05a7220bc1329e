"""What the operator knows of the cluster: the newest version of every object it was told about, and no older.

Objects come from watches, from lists and from the answers to our own writes, in any order; resource versions
say which is newer (they are integers that grow, KEP-5504). What is not looked at again is not kept
(`essence`), so that memory grows with the number of objects and hardly with their size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gagarin.controller.essence import POD_KINDS, mounted_by, reduced, reduced_child
from gagarin.controller.ownership import FieldSet, controller_of, field_set, stamp_on
from gagarin.controller.pods import modified_at
from gagarin.core.children import CHILD_KINDS
from gagarin.core.names import FIELD_MANAGER, INSTANCE, MANAGED_BY
from gagarin.core.objects import Key, Object, key_of

MOUNTED_KINDS = ("Secret", "ConfigMap")
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
        self._objects: defaultdict[str, dict[Key, Object]] = defaultdict(dict)  # by kind
        self._owned: dict[Key, FieldSet] = {}
        self._mounts: dict[Key, frozenset[Key]] = {}
        self._applied: dict[Key, str] = {}
        self._modified: dict[Key, str] = {}
        self._children: dict[Key, set[Key]] = {}
        self._gone: dict[Key, int] = {}

    def get(self, key: Key, /) -> Object | None:
        """The object, or None when it does not exist as far as we know."""
        return self._objects[key.kind].get(key)

    def put(self, item: Object) -> bool:
        """Take in an object. False when what we know is as new, or newer. The store changes and keeps it."""
        key, version = key_of(item), version_of(item)
        known = self.get(key)
        if version <= max(self._gone.get(key, 0), version_of(known) if known else -1):
            return False
        owned = field_set(item) if key.kind in CHILD_KINDS else _NOTHING
        applied = self._applied.get(key) if known and self._is_untouched(known, item, owned) else None
        if known is not None:
            self._unlink(key, known)
        self._gone.pop(key, None)
        owner = owner_of(item)
        if owner is not None:
            self._children.setdefault(owner, set()).add(key)
            self._note_child(key, item, owned)
        if applied is not None:
            self._applied[key] = applied
        if key.kind in MOUNTED_KINDS:
            self._modified[key] = modified_at(item)
        self._objects[key.kind][key] = reduced_child(item) if owner is not None else reduced(item)
        return True

    def drop(self, key: Key, version: int) -> Object | None:
        """The object was gone at this resource version. Returns it, unless we know a newer one or none."""
        known = self.get(key)
        if known is not None and version_of(known) > version:
            return None
        self._gone[key] = max(version, self._gone.get(key, 0))
        return self.forget(key)

    def forget(self, key: Key) -> Object | None:
        """Keep the object no longer, though it may exist. Returns it."""
        known = self._objects[key.kind].pop(key, None)
        if known is not None:
            self._unlink(key, known)
        return known

    def owned(self, key: Key) -> FieldSet:
        """Which fields of a child are ours."""
        return self._owned.get(key, _NOTHING)

    def note_applied(self, key: Key, fingerprint: str) -> None:
        """A child was found to be as the manifest with this fingerprint wants it. That holds for its later
        versions too, while our mark and our fields in it are the same."""
        self._applied[key] = fingerprint

    def found_applied(self, key: Key) -> str | None:
        """What was noted, if it still holds."""
        return self._applied.get(key)

    def mounts(self, key: Key) -> frozenset[Key]:
        """What the pods of a Deployment or ReplicaSet of ours mount."""
        return self._mounts.get(key, frozenset())

    def modified(self, key: Key) -> str:
        """When a Secret or ConfigMap was last modified (RFC 3339), as the API server recorded it."""
        return self._modified.get(key, "")

    def children(self, instance: Key, *kinds: str) -> list[Object]:
        """The objects of an Instance, of these kinds, by name."""
        keys = sorted(key for key in self._children.get(instance, ()) if key.kind in kinds)
        return [self._objects[key.kind][key] for key in keys]

    def keys(self, kind: str, namespace: str | None = None) -> Iterator[Key]:
        """The keys of a kind, everywhere or in one namespace."""
        for key in list(self._objects[kind]):
            if namespace in (None, key.namespace):
                yield key

    def forget_deletions(self) -> None:
        """Called before everything is listed: what was deleted before cannot come back from older news."""
        self._gone.clear()

    def __len__(self) -> int:
        return sum(map(len, self._objects.values()))

    def _is_untouched(self, known: Object, item: Object, owned: FieldSet) -> bool:
        """Is what is ours in a child the same as before? Equal sets of fields are one object."""
        same_fields = self.owned(key_of(item)) is owned
        same_owner = controller_of(known).get("uid") == controller_of(item).get("uid")
        return same_fields and same_owner and stamp_on(known) == stamp_on(item)

    def _note_child(self, key: Key, item: Object, owned: FieldSet) -> None:
        if key.kind in CHILD_KINDS:
            self._owned[key] = owned
        if mounted := mounted_by(item):
            self._mounts[key] = mounted

    def _unlink(self, key: Key, item: Object) -> None:
        self._owned.pop(key, None)
        self._applied.pop(key, None)
        self._mounts.pop(key, None)
        self._modified.pop(key, None)
        if (owner := owner_of(item)) is not None:
            children = self._children[owner]
            children.discard(key)
            if not children:
                del self._children[owner]
