"""The kinds of an Instance's children, and what each child begins with: type, name, labels, owner."""

from __future__ import annotations

from gagarin.api.kinds import API_VERSION
from gagarin.core import names
from gagarin.core.objects import Object
from gagarin.core.resolved import Resolved

CHILD_KINDS = (
    "ServiceAccount",
    "RoleBinding",
    "Secret",
    "ConfigMap",
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
)


def child(resolved: Resolved, api_version: str, kind: str, name: str) -> Object:
    """The beginning of a manifest that belongs to an Instance, and goes when it does."""
    metadata: Object = {
        "name": name,
        "namespace": resolved.config.namespace,
        "labels": names.labels(resolved.config.name),
    }
    uid = resolved.instance["metadata"].get("uid")
    if uid:  # rendered from a file, there is no owner yet
        metadata["ownerReferences"] = [_owner(resolved.config.name, uid)]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _owner(name: str, uid: str) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "Instance",
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
