"""Children that hold data: the configuration, copies of what other namespaces keep, and the volume.

The configuration is immutable and called after its revision. Copies are not: a rotated key changes them in
place, and no pod restarts.
"""

from __future__ import annotations

import msgspec

from gagarin.api.instance import PersistentHistory
from gagarin.core import config, names
from gagarin.core.children import child
from gagarin.core.objects import Object
from gagarin.core.resolved import Copy, Resolved


def configuration(resolved: Resolved, revision: str, ca_bundle: str) -> Object:
    """The ConfigMap that the chat server reads at its start."""
    settled = msgspec.structs.replace(resolved.config, revision=revision, extra_ca=ca_bundle or None)
    config_map = child(resolved, "v1", "ConfigMap", names.config_name(resolved.config.name, revision))
    return config_map | {"immutable": True, "data": {config.FILE_NAME: config.encode(settled)}}


def copies(resolved: Resolved) -> list[Object]:
    """The Secrets, then the ConfigMaps, with what is used of those in other namespaces."""
    ordered = sorted(resolved.copies, key=lambda copy: copy.source.kind, reverse=True)
    return [_copy(resolved, copy) for copy in ordered]


def volume_claim(resolved: Resolved) -> list[Object]:
    """The PersistentVolumeClaim of conversations that are to be kept, if they are. With retention Retain
    it has no owner, and outlives the Instance: one of the same name finds its conversations again."""
    if resolved.spec.history.type != "Persistent":
        return []
    claim = child(resolved, "v1", "PersistentVolumeClaim", names.volume_name(resolved.config.name))
    options = resolved.spec.history.persistent or PersistentHistory()
    if options.retention == "Retain":
        claim["metadata"].pop("ownerReferences", None)
        claim["metadata"]["annotations"] = {names.RETAIN: "true"}
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": options.size}},
    }
    if options.storage_class_name is not None:
        spec["storageClassName"] = options.storage_class_name
    return [claim | {"spec": spec}]


def _copy(resolved: Resolved, copy: Copy) -> Object:
    manifest = child(resolved, "v1", copy.source.kind, resolved.local_name(copy.source))
    if copy.source.kind == "Secret":
        manifest["type"] = "Opaque"
    parts = {"data": copy.data, "binaryData": copy.binary}
    return manifest | {name: values for name, values in parts.items() if values}
