"""What is kept of an object: the parts that the operator, or the core on its behalf, looks at again.

A cluster has several objects for each Instance, and most of an object is managedFields and pod templates.
They are looked at once, when the object comes in (`ownership.field_set`, `mounts.mounts`); kept is what says
whose an object is, whether it is as we applied it, and how it does.
"""

from __future__ import annotations

from sys import intern

from gagarin.controller.mounts import mounts
from gagarin.controller.ownership import APPLIED
from gagarin.core.children import CHILD_KINDS
from gagarin.core.names import INSTANCE, MANAGED_BY, RETAIN, REVISION, SECRETS_REVISION
from gagarin.core.objects import Key, Object

POD_KINDS = ("ReplicaSet", "Pod")  # not applied by us, but read for an Instance's status
TEMPLATED = ("Deployment", "ReplicaSet")
REPORTED = ("Deployment", "PersistentVolumeClaim")  # their status is part of the Instance's
JUDGED_BY_METADATA = frozenset(CHILD_KINDS) - frozenset(REPORTED)

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NAMING = ("apiVersion", "kind", "metadata")
_TIMES = ("creationTimestamp", "deletionTimestamp")
_LABELS = (MANAGED_BY, INSTANCE, REVISION)
_OWNER = ("kind", "name", "uid", "controller")
_POD_STATUS = ("phase", "conditions", "initContainerStatuses", "containerStatuses")


def mounted_by(item: Object) -> frozenset[Key]:
    """What the pods of a Deployment or ReplicaSet mount; nothing for other kinds."""
    if item["kind"] not in TEMPLATED:
        return frozenset()
    template = item["spec"].get("template", {})
    return mounts(item["metadata"].get("namespace", ""), template.get("spec") or {})


def reduced(item: Object) -> Object:
    """Somebody else's object, or one of our kinds, without what is not looked at again. Its metadata is
    changed in place."""
    metadata = item["metadata"]
    metadata.pop("managedFields", None)
    if _LAST_APPLIED in (annotations := metadata.get("annotations") or {}):
        del annotations[_LAST_APPLIED]
    return item


def reduced_child(item: Object) -> Object:
    """A child, ReplicaSet or Pod without what is not looked at again. What all objects of an Instance have in
    common is in memory once."""
    small = _shared(_parts(item, "apiVersion", "kind")) | {"metadata": _metadata(item["metadata"])}
    if item["kind"] in TEMPLATED:
        return small | {"spec": _counts(item["spec"]), "status": item.get("status") or {}}
    if item["kind"] == "Pod":
        return small | {"status": _parts(item.get("status") or {}, *_POD_STATUS)}
    return {**item, **small}


def _metadata(metadata: Object) -> Object:
    small: Object = _parts(metadata, "name", "uid", "resourceVersion", "generation", *_TIMES)
    small |= _shared(_parts(metadata, "namespace"))
    small["labels"] = _shared(_parts(metadata.get("labels") or {}, *_LABELS))
    if annotations := _parts(metadata.get("annotations") or {}, APPLIED, SECRETS_REVISION, RETAIN):
        small["annotations"] = annotations
    controllers = [owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")]
    if controllers:
        small["ownerReferences"] = [_shared(_parts(owner, *_OWNER)) for owner in controllers]
    return small


def metadata_of(item: Object) -> Object:
    """What a watch of metadata only would tell."""
    return _parts(item, *_NAMING)


def _counts(spec: Object) -> Object:
    labels = spec.get("template", {}).get("metadata", {}).get("labels") or {}
    template = {"metadata": {"labels": _parts(labels, REVISION)}}
    return _parts(spec, "replicas") | {"template": template}


def _shared(part: Object) -> Object:
    return {name: intern(value) if isinstance(value, str) else value for name, value in part.items()}


def _parts(whole: Object, *names: str) -> Object:
    return {name: whole[name] for name in names if name in whole}
