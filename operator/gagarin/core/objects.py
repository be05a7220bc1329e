"""Kubernetes objects as the core sees them: plain dictionaries, found by kind, namespace and name.

The core never fetches anything. It is handed an `Objects`, which is the operator's store in a cluster, a
folder of files in `gagarin render` and `gagarin dev`, and a dictionary in tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

Object = dict[str, Any]


class Key(NamedTuple):
    """The name of an object. Cluster-scoped objects (Namespace) have the namespace ""."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Objects(Protocol):
    """A consistent, read-only view of the objects that are known."""

    def get(self, key: Key, /) -> Object | None:
        """The object, or None when it does not exist."""
        ...


class ObjectMap(dict[Key, Object]):
    """The simplest `Objects`: a dictionary, filled from a list of objects."""

    def __init__(self, objects: list[Object] | None = None) -> None:
        super().__init__({key_of(item): item for item in objects or []})


def key_of(item: Mapping[str, Any]) -> Key:
    """The key of an object that has `kind` and `metadata`."""
    metadata = item["metadata"]
    return Key(item["kind"], metadata.get("namespace", ""), metadata["name"])
