"""Following references on behalf of one object: find, check, permit, and remember everything that is wrong.

A walk starts at a root and judges for one namespace, the one where the pods run. Whatever cannot be had is
recorded as a `Problem` of the root and comes back as None, so that one look names everything missing. What is
wrong with an object further along is told of the root as `RefNotReady`: its owner mends it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from gagarin.api.kinds import SpecError, parse
from gagarin.api.references import AllowedNamespaces, CaBundle, ConfigMapKeyRef, Ref, SecretKeyRef
from gagarin.api.schema import Schema
from gagarin.core import names
from gagarin.core.certificates import certificates_of, fault_of
from gagarin.core.cycles import cycle_from
from gagarin.core.objects import Key, Object, Objects
from gagarin.core.permission import is_known, is_open_to
from gagarin.core.policy import Policy
from gagarin.core.problems import Problem
from gagarin.core.reasons import REASON_BY_NAME
from gagarin.core.resolved import Copy, Folder, SecretFile
from gagarin.core.secretvalues import encoded, text_fault, value_of

Spec = TypeVar("Spec", bound=Schema)


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
    policy: Policy
    problems: list[Problem] = field(default_factory=list)
    secret_files: set[SecretFile] = field(default_factory=set)
    folders: set[Folder] = field(default_factory=set)
    _copied: dict[Key, set[str]] = field(default_factory=dict)

    def report(self, place: Place, reason: str, message: str) -> None:
        """Record what is wrong at a place, once."""
        if reason in ("InvalidSpec", "ForbiddenByPolicy") and place.owner != self.root:
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
        """The path of the file in the pod that holds a Secret's key: a key, a password or an address."""
        key, value = self._secret_value(place, ref)
        fault = text_fault(value) if value is not None else None
        if fault:
            self.report(place, "RefNotReady", f"key {ref.key} of {key} {fault}")
        return self._file(place, ref)

    def certificate(self, place: Place, ref: SecretKeyRef) -> str:
        """The path of the file in the pod that holds a Secret's PEM certificates."""
        _, value = self._secret_value(place, ref)
        if value is not None:
            self._check_certificates(place, value.decode(errors="replace"))
        return self._file(place, ref)

    def private_key(self, place: Place, ref: SecretKeyRef) -> str:
        """The path of the file in the pod that holds a Secret's private key."""
        self._secret_value(place, ref)
        return self._file(place, ref)

    def known(self, key: Key) -> Schema | None:
        """The typed spec of an object, if it is there and valid: for what need not be had."""
        item = self.objects.get(key)
        try:
            return parse(item) if item is not None else None
        except SpecError:
            return None

    def ca_bundle(self, place: Place, bundle: CaBundle) -> tuple[str | None, str | None]:
        """The PEM certificates of a bundle, or the path of the file that holds them."""
        if bundle.secret_key_ref is not None:
            return None, self.certificate(place, bundle.secret_key_ref)
        assert bundle.config_map_key_ref is not None, "the schema demands exactly one of the two"
        text = self.config_map(place, bundle.config_map_key_ref)
        if text is None:
            return None, None
        self._check_certificates(place, text)
        return certificates_of(text), None

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

    def folder(self, place: Place, name: str, config_map: str, keys: tuple[str, ...]) -> None:
        """Have a ConfigMap, or some of its keys, as a folder of the pod."""
        key = Key("ConfigMap", place.owner.namespace, config_map)
        item = self.existing(place, key)
        if item is None:
            return
        there = {*(item.get("data") or {}), *(item.get("binaryData") or {})}
        for missing in sorted(set(keys) - there):
            self.report(place, "RefNotFound", f"{key} has no key {missing}")
        self.folders.add(Folder(name, key, keys))
        self._copy(key, keys or there)

    def variable(self, place: Place, ref: SecretKeyRef | ConfigMapKeyRef) -> str:
        """The name, in the pods' namespace, of what an environment variable takes its value from."""
        if isinstance(ref, SecretKeyRef):
            source, _ = self._secret_value(place, ref)
        else:
            source = Key("ConfigMap", place.owner.namespace, ref.name)
            self.config_map(place, ref)
        self._copy(source, (ref.key,))
        return names.local_name(Key(self.root.kind, self.namespace, self.root.name), source)

    def may_take_secrets(self, place: Place, key: Key, allowed: AllowedNamespaces) -> bool:
        """Whether what `key` keeps in Secrets may be used in the namespace of the pods."""
        if key.namespace == self.namespace or allowed.credentials == "Copy":
            return True
        message = f"{key} keeps its credentials to its own namespace: see allowedNamespaces.credentials"
        self.report(place, "RefNotPermitted", message)
        return False

    def copies(self) -> tuple[Copy, ...]:
        """What the pods' namespace needs of others, in order."""
        return tuple(self._copy_of(source, keys) for source, keys in sorted(self._copied.items()))

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
        if is_open_to(allowed, self.namespace, self.objects):
            return True
        if allowed.source == "Selector" and not is_known(self.namespace, self.objects):
            # Not known is not forbidden: pods that run are not stopped for it.
            message = f"{key} asks for labels of namespace {self.namespace}, which are not known"
            self.report(place, "RefNotReady", message)
        else:
            message = f"{key} is not open to namespace {self.namespace}: see its spec.allowedNamespaces"
            self.report(place, "RefNotPermitted", message)
        return False

    def _secret_value(self, place: Place, ref: SecretKeyRef) -> tuple[Key, bytes | None]:
        """The Secret, and the value if it is there and can be read."""
        key = Key("Secret", place.owner.namespace, ref.name)
        item = self.existing(place, key)
        if item is None:
            return key, None
        if not self.policy.allows_secret(item["metadata"].get("labels") or {}):
            message = f"{key} lacks the label {self.policy.secret_label}, which the policy here asks for"
            self.report(place, "RefNotPermitted", message)
        if ref.key not in encoded(item):
            self.report(place, "SecretKeyNotFound", f"{key} has no key {ref.key}")
            return key, None
        value = value_of(item, ref.key)
        if value is None:
            self.report(place, "RefNotReady", f"key {ref.key} of {key} is not base64")
        return key, value

    def _file(self, place: Place, ref: SecretKeyRef) -> str:
        file = SecretFile(place.owner.namespace, ref.name, ref.key)
        self.secret_files.add(file)
        self._copy(file.source, (ref.key,))
        return file.path

    def _copy(self, source: Key, keys: Iterable[str]) -> None:
        if source.namespace != self.namespace:
            self._copied.setdefault(source, set()).update(keys)

    def _copy_of(self, source: Key, keys: set[str]) -> Copy:
        item = self.objects.get(source)
        assert item is not None, "what is missing has been reported"
        data = encoded(item) if source.kind == "Secret" else item.get("data") or {}
        binary = item.get("binaryData") or {} if source.kind == "ConfigMap" else {}
        return Copy(source, _only(data, keys), _only(binary, keys))

    def _check_certificates(self, place: Place, text: str) -> None:
        fault = fault_of(text)
        if fault:
            self.report(place, "InvalidSpec", fault)


def _only(values: dict[str, str], keys: set[str]) -> dict[str, str]:
    return {key: values[key] for key in sorted(keys & values.keys())}
