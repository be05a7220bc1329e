"""Following references on behalf of one object: find, check, permit, and remember everything that is wrong.

A walk starts at a root and judges for one namespace, the one where the pods run. Whatever cannot be had is
recorded as a `Problem` of the root and comes back as None, so that one look names everything missing. What is
wrong with an object further along is told of the root as `RefNotReady`: its owner mends it there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from gagarin.api.kinds import SpecError, parse
from gagarin.api.references import AllowedNamespaces, ConfigMapKeyRef, Ref, SecretKeyRef
from gagarin.api.schema import Schema
from gagarin.core.graph import references
from gagarin.core.objects import Key, Object, Objects
from gagarin.core.permission import is_open_to, labels_of_namespace
from gagarin.core.problems import Problem
from gagarin.core.reasons import REASON_BY_NAME

Spec = TypeVar("Spec", bound=Schema)


@dataclass(frozen=True, slots=True, order=True)
class SecretFile:
    """One key of one Secret, as a file of the pod below the secrets folder."""

    namespace: str
    secret: str
    key: str

    @property
    def path(self) -> str:
        """`NAMESPACE/SECRET/KEY`, relative to the secrets folder."""
        return f"{self.namespace}/{self.secret}/{self.key}"


class Place(NamedTuple):
    """A field of an object, where a reference stands."""

    owner: Key
    field: str


@dataclass(slots=True)
class Walk:
    """The state of following one root's references. `namespace` is where the pods run."""

    root: Key
    objects: Objects
    namespace: str
    problems: list[Problem] = field(default_factory=list)
    secret_files: set[SecretFile] = field(default_factory=set)

    def report(self, place: Place, reason: str, message: str) -> None:
        """Record what is wrong at a place, once."""
        if reason == "InvalidSpec" and place.owner != self.root:
            reason = "RefNotReady"
        condition = REASON_BY_NAME[reason].condition
        where = place.field if place.owner == self.root else f"{place.owner}, {place.field}"
        problem = Problem(condition, reason, f"{where}: {message}")
        if problem not in self.problems:
            self.problems.append(problem)

    def spec(self, place: Place, ref: Ref, kind: str, wanted: type[Spec]) -> tuple[Key, Spec] | None:
        """The key and the typed spec of what a reference names, if it is there, valid, and open to us."""
        key = Key(kind, ref.namespace or place.owner.namespace, ref.name)
        item = self.existing(place, key)
        if item is None:
            return None
        try:
            spec = parse(item)
        except SpecError as error:
            self.report(place, "RefNotReady", f"{key} is not accepted: {error}")
            return None
        assert isinstance(spec, wanted)
        return (key, spec) if self._may_use(place, key, spec) else None

    def existing(self, place: Place, key: Key) -> Object | None:
        """The object of this key, if it exists."""
        item = self.objects.get(key)
        if item is None:
            self.report(place, "RefNotFound", f"{key} does not exist")
        return item

    def secret(self, place: Place, ref: SecretKeyRef) -> str:
        """The path of the file that holds a Secret's key in the pod."""
        key = Key("Secret", place.owner.namespace, ref.name)
        file = SecretFile(key.namespace, ref.name, ref.key)
        self.secret_files.add(file)
        item = self.existing(place, key)
        if item is not None and ref.key not in _keys(item):
            self.report(place, "SecretKeyNotFound", f"{key} has no key {ref.key}")
        return file.path

    def config_map(self, place: Place, ref: ConfigMapKeyRef) -> str | None:
        """The text under a ConfigMap's key, if both exist."""
        key = Key("ConfigMap", place.owner.namespace, ref.name)
        item = self.existing(place, key)
        if item is None:
            return None
        text: str | None = (item.get("data") or {}).get(ref.key)
        if text is None:
            binary = ref.key in (item.get("binaryData") or {})
            message = f"{ref.key} of {key} is not text" if binary else f"{key} has no key {ref.key}"
            self.report(place, "RefNotFound", message)
        return text

    def report_foreign_secrets(self, place: Place, key: Key, allowed: AllowedNamespaces) -> None:
        """Record that what `key` keeps in Secrets cannot be used in the namespace of the pods."""
        if allowed.credentials == "Copy":
            message = f"{key}: copying its credentials to namespace {self.namespace} is not available yet"
            self.report(place, "NotAvailable", message)
        else:
            message = f"{key} keeps its credentials to its own namespace: see allowedNamespaces.credentials"
            self.report(place, "RefNotPermitted", message)

    def find_cycle(self) -> None:
        """Record the first circle of references that can be reached from the root."""
        circle = cycle_from(self.root, self.objects)
        if circle:
            path = " -> ".join(str(key) for key in circle)
            self.problems.append(Problem("ResolvedRefs", "CycleDetected", f"{path} refer to each other"))

    def _may_use(self, place: Place, key: Key, spec: Schema) -> bool:
        allowed = getattr(spec, "allowed_namespaces", None)
        if key.namespace == self.namespace or not isinstance(allowed, AllowedNamespaces):
            return True
        if is_open_to(allowed, labels_of_namespace(self.namespace, self.objects)):
            return True
        if allowed.source == "Selector" and not self.objects.get(Key("Namespace", "", self.namespace)):
            # Not known is not forbidden: pods that run are not stopped for it.
            message = f"{key} asks for labels of namespace {self.namespace}, which are not known"
            self.report(place, "RefNotReady", message)
        else:
            message = f"{key} is not open to namespace {self.namespace}: see its spec.allowedNamespaces"
            self.report(place, "RefNotPermitted", message)
        return False


def cycle_from(root: Key, objects: Objects) -> list[Key]:
    """The first circle that can be reached from `root`, its first key again at the end; or nothing."""
    path: list[Key] = []
    on_path: set[Key] = set()
    done: set[Key] = set()
    waiting: list[tuple[Key, bool]] = [(root, False)]
    while waiting:
        key, is_left = waiting.pop()
        if is_left:
            on_path.discard(path.pop())
            done.add(key)
        elif key in on_path:
            return [*path[path.index(key) :], key]
        elif key not in done:
            path.append(key)
            on_path.add(key)
            waiting.append((key, True))
            waiting.extend((target, False) for target in _ways_on(key, objects))
    return []


def _ways_on(key: Key, objects: Objects) -> list[Key]:
    item = objects.get(key)
    targets = references(item) if item else frozenset()
    return sorted((target for target in targets if target.kind in _CIRCULAR), reverse=True)


# Only these kinds can come back to themselves: Model by fallbackRefs, the others by a Tool of type Agent.
_CIRCULAR = frozenset({"Model", "Agent", "Tool", "Instance"})


def _keys(secret: Object) -> frozenset[str]:
    return frozenset((secret.get("data") or {}).keys() | (secret.get("stringData") or {}).keys())
