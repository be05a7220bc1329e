"""Instances each of which cannot run for a reason of its own, and what users are to be told about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e import resources
from tests.e2e.cluster import Cluster, Object


@dataclass(frozen=True)
class Trouble:
    """What an Instance's spec says that cannot work, the reason of Ready, and words of its message."""

    spec: dict[str, Any]
    reason: str
    words: tuple[str, ...]
    agent: str = "agent"


@dataclass(frozen=True)
class Troubled:
    """Where the Instance of each trouble is: name -> namespace."""

    namespaces: Mapping[str, str]


def _persistent(storage_class: str) -> dict[str, Any]:
    return {
        "history": {"type": "Persistent", "persistent": {"size": "1Mi", "storageClassName": storage_class}}
    }


ABSENT_VARIABLE = {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "key"}}}
DATABASE = {"type": "Postgres", "postgres": {"secretKeyRef": {"name": "nonsense", "key": "url"}}}
NO_FOLDER = "/gagarin/no-such-folder"
TROUBLES: Mapping[str, Trouble] = {
    "typo": Trouble({}, "RefNotFound", ("absent",), agent="typo"),
    "no-image": Trouble({}, "ImagePullFailed", ("registry.invalid/tool:1",), agent="no-image"),
    "crash": Trouble({"history": DATABASE}, "PodCrashed", ("chat", "exit code")),
    "no-node": Trouble({"pod": {"nodeSelector": {"no": "node"}}}, "Unschedulable", ("node",)),
    "no-secret": Trouble({"pod": {"env": [ABSENT_VARIABLE]}}, "RefNotFound", ("absent", "does not exist")),
    "no-class": Trouble(_persistent("no-such-class"), "Unschedulable", ("no-such-class",)),
    "no-folder": Trouble(_persistent("by-hand"), "PodNotStarted", ("volumes",)),
    "no-room": Trouble({}, "PodsRefused", ("exceeded quota",)),
}


def make(cluster: Cluster, namespace: str, full: str) -> Troubled:
    """Makes them in a namespace; the one that a quota refuses in another one."""
    tool = resources.tool(
        namespace, "absent", "Stdio", stdio={"image": "registry.invalid/tool:1", "command": ["x"]}
    )
    cluster.apply(
        resources.secret(namespace, "nonsense", "not the URL of a database", key="url"),
        broken_volume(namespace),
        tool,
        resources.agent(namespace),
        resources.agent(namespace, "typo", provider="absent"),
        resources.agent(namespace, "no-image", tools=resources.uses("absent")),
        resources.quota(full, pods="0"),
        resources.agent(full),
    )
    namespaces = {name: full if name == "no-room" else namespace for name in TROUBLES}
    for name, one in TROUBLES.items():
        cluster.apply(resources.instance(namespaces[name], name, agent=one.agent, **one.spec))
    return Troubled(namespaces)


def volume_name(namespace: str) -> str:
    return f"{namespace}-no-folder"


def broken_volume(namespace: str) -> Object:
    """A volume that can be bound and not be mounted."""
    claim = {"namespace": namespace, "name": "no-folder-data"}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(namespace)},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "by-hand",
            "claimRef": claim,
            "hostPath": {"path": NO_FOLDER, "type": "Directory"},
        },
    }
