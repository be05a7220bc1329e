"""Is a child still what we applied? Answered from the object itself, so that a restart forgets nothing.

Two marks are on every child: an annotation with the fingerprint of the manifest we applied, and the record
the API server keeps of which fields are ours (`managedFields`, KEP-555). Whoever changes or removes one of
them takes it out of that record. So a child is as it should be when the fingerprint is that of the manifest
we want, and every field of that manifest is still ours. Values are never compared: the server spells them in
its own way (`1000m` becomes `1`), and an admission plugin may have had its say.
"""

from __future__ import annotations

import hashlib
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from gagarin.core.names import FIELD_MANAGER, RETAIN
from gagarin.core.objects import Object

APPLIED = "gagarin.fyodorov.ai/applied"

# What server-side apply keeps no record of, or what is judged by itself (`is_controlled_by`).
UNRECORDED = frozenset(
    {"apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.ownerReferences"}
)


class FieldSet:
    """Fields of an object, as `fieldsV1` records them: by name, by the keys of a list's items, by value.

    Thousands of children have few different shapes, so equal ones are one object (see `field_set`).
    """

    __slots__ = ("__weakref__", "fields", "items", "values", "whole")

    def __init__(self, record: dict[str, Any]) -> None:
        self.whole = not record  # a leaf: the value is ours as one, whatever is in it
        self.fields = {name[2:]: FieldSet(inner) for name, inner in record.items() if name.startswith("f:")}
        self.items = [
            (msgspec.json.decode(name[2:]), FieldSet(inner))
            for name, inner in record.items()
            if name.startswith("k:")
        ]
        self.values = [msgspec.json.decode(name[2:]) for name in record if name.startswith("v:")]

    def covers(self, value: Any, path: str = "") -> bool:
        """Is every field of `value`, part of a manifest, in this set?"""
        if self.whole:
            return True
        if isinstance(value, dict):
            return all(self._covers_field(name, inner, path) for name, inner in value.items())
        if isinstance(value, list):
            return all(self._covers_item(item) for item in value)
        return False

    def _covers_field(self, name: str, value: Any, path: str) -> bool:
        inner = f"{path}.{name}" if path else name
        if inner in UNRECORDED:
            return True
        return name in self.fields and self.fields[name].covers(value, inner)

    def _covers_item(self, item: Any) -> bool:
        if not isinstance(item, dict):
            return item in self.values
        return any(_has_keys(item, keys) and fields.covers(item, "[]") for keys, fields in self.items)


_known: WeakValueDictionary[bytes, FieldSet] = WeakValueDictionary()


def field_set(item: Object) -> FieldSet:
    """The fields of a live object that we applied, empty when there are none."""
    entries: list[dict[str, Any]] = item["metadata"].get("managedFields") or []
    record = next((entry.get("fieldsV1") or {} for entry in entries if _is_ours(entry)), {})
    # The uid of the owner is in the record; without it, it is the same for all children of one shape.
    metadata = {k: v for k, v in record.get("f:metadata", {}).items() if k != "f:ownerReferences"}
    encoded = msgspec.json.encode({**record, "f:metadata": {**metadata, ".": {}}}, order="sorted")
    found = _known.get(encoded)
    if found is None:
        found = _known[encoded] = FieldSet(msgspec.json.decode(encoded))
    return found


def fingerprint(manifest: Object) -> str:
    """A digest of a manifest: equal for equal manifests, whatever the order of their fields."""
    return hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()[:16]


def fingerprint_of(manifest: Object) -> str:
    """The fingerprint on a stamped manifest."""
    stamp: str = manifest["metadata"]["annotations"][APPLIED]
    return stamp


def stamp_on(live: Object) -> str | None:
    """The fingerprint of the manifest that we applied last; None when there is none (any more)."""
    stamp: str | None = (live["metadata"].get("annotations") or {}).get(APPLIED)
    return stamp


def stamped(manifest: Object) -> Object:
    """The manifest as it is applied: with its fingerprint as an annotation, and without an owner if it is to
    be retained."""
    metadata = dict(manifest["metadata"])
    if is_retained(manifest):
        metadata.pop("ownerReferences", None)
        manifest = {**manifest, "metadata": metadata}
    annotations = {**metadata.get("annotations", {}), APPLIED: fingerprint(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def is_applied(manifest: Object, live: Object, owned: FieldSet) -> bool:
    """Is `live` what applying the (stamped) manifest made of it, untouched since?"""
    return stamp_on(live) == fingerprint_of(manifest) and owned.covers(manifest)


def is_retained(item: Object) -> bool:
    """Does the object outlive its Instance?"""
    return RETAIN in (item["metadata"].get("annotations") or {})


def is_owned_as(manifest: Object, live: Object) -> bool:
    """Is the controller of a live object the one that the manifest names, or none if that names none?"""
    return controller_of(live).get("uid") == controller_of(manifest).get("uid")


def is_controlled_by(item: Object, uid: str) -> bool:
    """Is the object with this uid the controller of `item`?"""
    return controller_of(item).get("uid") == uid


def controller_of(item: Object) -> dict[str, Any]:
    """The owner reference of the controller, or nothing."""
    owners: list[dict[str, Any]] = item["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), {})


def _is_ours(entry: dict[str, Any]) -> bool:
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _has_keys(item: dict[str, Any], keys: dict[str, Any]) -> bool:
    """Is this the list item with these keys? A key that the manifest leaves to a default matches."""
    return any(name in item for name in keys) and all(
        item.get(name, keys[name]) == keys[name] for name in keys
    )
