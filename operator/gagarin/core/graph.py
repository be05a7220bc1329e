"""Who depends on whom: every reference between objects, from one declared table, and its reverse index.

The operator asks it one question: an object changed, which of our resources may now mean something else?
`references` reads the plain dictionary, never the typed model, so that an object too broken to be
understood still has its place in the graph and is looked at again when what it names appears.

A node's digest covers only what others can see of it: the spec of our kinds, the data and labels of a
ConfigMap or Secret, the labels of a Namespace. A write that leaves it the same (a status, an annotation)
stops here. Digests stay in memory: that of a short secret could be guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from gagarin.core.objects import Key, Object

OUR_KINDS = ("Provider", "Model", "Tool", "Agent", "Instance")

# Paths into an object, by its kind: `[]` goes through a list, and the last part holds the name (and the
# namespace, where the kind is one of ours).
REFERENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "Provider": (
        ("spec.apiKey.secretKeyRef", "Secret"),
        ("spec.headers[].valueFrom.secretKeyRef", "Secret"),
        ("spec.tls.caBundle.secretKeyRef", "Secret"),
        ("spec.tls.caBundle.configMapKeyRef", "ConfigMap"),
    ),
    "Model": (
        ("spec.providerRef", "Provider"),
        ("spec.fallbackRefs[]", "Model"),
    ),
    "Tool": (
        ("spec.agent.instanceRef", "Instance"),
        ("spec.stdio.env[].valueFrom.secretKeyRef", "Secret"),
        ("spec.stdio.env[].valueFrom.configMapKeyRef", "ConfigMap"),
        ("spec.tls.caBundle.secretKeyRef", "Secret"),
        ("spec.tls.caBundle.configMapKeyRef", "ConfigMap"),
        ("spec.openAPI.configMapKeyRef", "ConfigMap"),
        ("spec.http.headers[].valueFrom.secretKeyRef", "Secret"),
        ("spec.auth.bearer.secretKeyRef", "Secret"),
        ("spec.auth.basic.username.secretKeyRef", "Secret"),
        ("spec.auth.basic.password.secretKeyRef", "Secret"),
        ("spec.auth.header.secretKeyRef", "Secret"),
    ),
    "Agent": (
        ("spec.promptFrom.configMapKeyRef", "ConfigMap"),
        ("spec.modelRef", "Model"),
        ("spec.model.providerRef", "Provider"),
        ("spec.tools[].toolRef", "Tool"),
        ("spec.rag[].configMap", "ConfigMap"),
        ("spec.retrieval.embeddingModelRef", "Model"),
    ),
    "Instance": (
        ("spec.agentRef", "Agent"),
        ("spec.overrides.modelRef", "Model"),
        ("spec.overrides.model.providerRef", "Provider"),
        ("spec.history.postgres.secretKeyRef", "Secret"),
        ("spec.tls", "Secret"),
        ("spec.pod.env[].valueFrom.secretKeyRef", "Secret"),
        ("spec.pod.env[].valueFrom.configMapKeyRef", "ConfigMap"),
    ),
}


def references(item: Object) -> frozenset[Key]:
    """Every object that the meaning of `item` depends on directly; empty for kinds that are not ours.

    An Instance, and anything that refers to another namespace, also depends on its own Namespace: the
    other side may have opened itself to that namespace's labels.
    """
    kind, metadata = item.get("kind", ""), item.get("metadata", {})
    namespace = metadata.get("namespace", "")
    found = {key for path, target in REFERENCES.get(kind, ()) for key in _keys(item, path, target, namespace)}
    if kind == "Instance" or any(key.namespace != namespace for key in found):
        found.add(Key("Namespace", "", namespace))
    return frozenset(found)


def digest_of(item: Object) -> str:
    """A digest of what others can see of an object. Equal digests: nobody else needs to look again."""
    metadata = item.get("metadata", {})
    if item.get("kind") == "Namespace":
        seen: Any = metadata.get("labels")
    elif item.get("kind") in OUR_KINDS:
        seen = (metadata.get("uid"), item.get("spec"))
    else:
        parts = ("data", "stringData", "binaryData")
        seen = [metadata.get("labels"), *(item.get(part) for part in parts)]
    return hashlib.sha256(msgspec.json.encode(seen, order="sorted")).hexdigest()[:16]


class Graph:
    """The reverse index of `references`, in memory. Not thread-safe: one event loop owns it.

    An object need not exist to have users: creating it is a change like any other.
    """

    def __init__(self) -> None:
        self._references: dict[Key, frozenset[Key]] = {}
        self._digests: dict[Key, str] = {}
        self._users: dict[Key, set[Key]] = {}

    def put(self, key: Key, references: frozenset[Key], digest: str) -> bool:
        """Record what `key` refers to. True if it is new or its digest changed: visit `affected(key)`."""
        old = self._references.get(key, frozenset())
        for target in references - old:
            self._users.setdefault(target, set()).add(key)
        self._forget(key, old - references)
        self._references[key] = references
        changed = self._digests.get(key) != digest
        self._digests[key] = digest
        return changed

    def drop(self, key: Key) -> None:
        """Forget an object that is gone. Those that refer to it stay its users."""
        self._forget(key, self._references.pop(key, frozenset()))
        self._digests.pop(key, None)

    def users(self, key: Key) -> frozenset[Key]:
        """The objects that refer to `key` directly, whether it exists or not."""
        return frozenset(self._users.get(key, ()))

    def affected(self, key: Key) -> frozenset[Key]:
        """All objects of our kinds whose resolution may change when `key` does: its users, their users and
        so on, and `key` itself if it is of our kinds. Cycles end."""
        seen = {key}
        waiting = [key]
        while waiting:
            fresh = self._users.get(waiting.pop(), set()) - seen
            seen |= fresh
            waiting.extend(fresh)
        return frozenset(found for found in seen if found.kind in OUR_KINDS)

    def _forget(self, user: Key, targets: frozenset[Key]) -> None:
        for target in targets:
            users = self._users[target]
            users.discard(user)
            if not users:
                del self._users[target]


def _keys(item: Object, path: str, kind: str, namespace: str) -> Iterator[Key]:
    for reference in _follow(item, path.split(".")):
        name = reference.get("secretName" if path == "spec.tls" else "name")
        other = reference.get("namespace") if kind in OUR_KINDS else None
        if isinstance(name, str) and name:
            yield Key(kind, other if isinstance(other, str) and other else namespace, name)


def _follow(value: Any, parts: list[str]) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict):
        return
    if not parts:
        yield value
        return
    inner = value.get(parts[0].removesuffix("[]"))
    many = parts[0].endswith("[]")
    for each in inner if many and isinstance(inner, list) else () if many else (inner,):
        yield from _follow(each, parts[1:])
