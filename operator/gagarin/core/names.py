"""What the children of an Instance are called, and the labels and annotations that the product sets.

An Instance's name has at most 52 characters, so that every name made from it fits where 63 are the limit. It
has no dot, and the names made from it end in a fixed word, a digest of fixed length, or a dot and a digest:
two Instances never want a child of the same kind and name.
"""

from __future__ import annotations

import hashlib

from gagarin.core.objects import Key

FIELD_MANAGER = "gagarin"
CLUSTER_ROLE = "gagarin-instance"
MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "gagarin.fyodorov.ai/instance"
REVISION = "gagarin.fyodorov.ai/revision"
# On a PersistentVolumeClaim that outlives its Instance: it has no owner.
RETAIN = "gagarin.fyodorov.ai/retain"
# Set by the operator on running pods, never in the template: a change makes the kubelet refresh volumes.
SECRETS_REVISION = "gagarin.fyodorov.ai/secrets-revision"

# A Unix socket's path has at most 107 bytes, folder included.
SOCKET_CHARS = 60


def account_name(instance: str) -> str:
    """The ServiceAccount (and its RoleBinding) that is made for an Instance."""
    return f"{instance}-agent"


def config_name(instance: str, revision: str) -> str:
    """The immutable ConfigMap of one revision; a revision is 10 hexadecimal digits."""
    return f"{instance}-{revision}"


def volume_name(instance: str) -> str:
    """The PersistentVolumeClaim that keeps an Instance's conversations."""
    return f"{instance}-data"


def local_name(instance: Key, source: Key) -> str:
    """What a Secret or ConfigMap is called beside the Instance: a copy, where it is of another namespace."""
    if source.namespace == instance.namespace:
        return source.name
    return f"{instance.name}.{_digest(source)}"


def container_name(tool: Key) -> str:
    """The sidecar of a Tool, of whichever namespace: at most 61 characters."""
    return f"{tool.name}-{_digest(tool)[:8]}"


def scratch_name(tool: Key) -> str:
    """The volume for what a Tool's sidecar writes."""
    return f"scratch-{_digest(tool)}"


def socket_name(tool: Key) -> str:
    """The file of a Tool's socket: `NAMESPACE.NAME`, or as much of it as fits and a digest. Names have no
    underscore, so that no two Tools have one socket."""
    name = f"{tool.namespace}.{tool.name}"
    if len(name) <= SOCKET_CHARS:
        return name
    digest = _digest(tool)
    return f"{name[: SOCKET_CHARS - len(digest) - 1]}_{digest}"


def labels(instance: str) -> dict[str, str]:
    """The labels of every child."""
    return {
        "app.kubernetes.io/name": "gagarin-agent",
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": "chat-server",
        "app.kubernetes.io/part-of": "gagarin",
        MANAGED_BY: "gagarin",
        INSTANCE: instance,
    }


def selector(instance: str) -> dict[str, str]:
    """The labels that tell the pods of an Instance from all others."""
    return {INSTANCE: instance}


def audience(instance: str, namespace: str) -> str:
    """What tokens for an Instance are for."""
    return f"{instance}.{namespace}.svc"


def url(instance: str, namespace: str, *, tls: bool) -> str:
    """Where an Instance is reached inside the cluster."""
    return f"{'https' if tls else 'http'}://{instance}.{namespace}.svc"


def _digest(key: Key) -> str:
    return hashlib.sha256(f"{key.kind}/{key.namespace}/{key.name}".encode()).hexdigest()[:10]
