"""Manifests read from files, as `kubectl apply -R -f DIR` would take them.

Every object comes back with a namespace (`default` where none is given), so that the rest of the program sees
what an API server would show, and with the place of each of its fields. A mistake names the file and the
line. What a kustomization would change is not seen: pipe what it makes, `kustomize build | gagarin lint -f
-`.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import yaml

from gagarin.api.kinds import GROUP, KINDS
from gagarin.cli import documents
from gagarin.cli.errors import CommandError, ManifestError
from gagarin.cli.validation import hint
from gagarin.conversion.yamltext import Document, FieldPath, Mark, place_in
from gagarin.core.objects import Key, Object, ObjectMap, key_of

SUFFIXES = {".yaml", ".yml", ".json"}
NOT_MANIFESTS = {"kustomization.yaml", "kustomization.yml"}
CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a file, and where it stands there."""

    item: Object
    file: str
    node: yaml.Node

    def place(self, path: FieldPath = ()) -> Mark:
        """Where a field stands, or the nearest thing around it that does."""
        return place_in(self.file, self.node, path)

    @property
    def is_ours(self) -> bool:
        """Whether it is of one of the five kinds. Others have kinds of these names too, in their own
        group."""
        return self.item["kind"] in KINDS and self.item["apiVersion"].startswith(f"{GROUP}/")


@dataclass(slots=True)
class Reading:
    """What was found in files: manifests in order, and what could not be taken."""

    manifests: list[Manifest] = field(default_factory=list)
    faults: list[ManifestError] = field(default_factory=list)

    def by_key(self) -> dict[Key, Manifest]:
        """Each object once, the last one of a name; kinds that only share a name with ours left out."""
        return {
            key_of(each.item): each
            for each in self.manifests
            if each.is_ours or each.item["kind"] not in KINDS
        }

    def objects(self) -> ObjectMap:
        """The objects as `resolve` wants them. Raises the first fault, if there is one."""
        for fault in self.faults:
            raise fault
        return ObjectMap([each.item for each in self.by_key().values()])


def read(paths: Sequence[Path], namespace: str = "default", stdin: TextIO = sys.stdin) -> Reading:
    """Every object in these files, in the YAML and JSON files of these folders and their subfolders (in order
    of their names), and in the standard input for `-`. `namespace` is where objects go that name none.

    Raises `CommandError` when there is nothing to read.
    """
    reading = Reading()
    for path in paths:
        for name, text in _texts(path, stdin, reading.faults):
            _read_text(reading, name, text, namespace)
    if not reading.manifests and not reading.faults:
        raise CommandError(
            f"{', '.join(map(str, paths))}: no manifests there (looked for *.yaml, *.yml, *.json)"
        )
    return reading


def read_manifests(path: Path) -> list[Object]:
    """All objects in a file or folder. Raises `CommandError`, and `ManifestError` when a file is wrong."""
    return list(read([path]).objects().values())


def _texts(path: Path, stdin: TextIO, faults: list[ManifestError]) -> Iterator[tuple[str, str]]:
    if path == STDIN:
        yield "<stdin>", stdin.read()
        return
    for file in manifest_files(path):
        try:
            yield str(file), file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            faults.append(
                ManifestError(str(file), 1, 1, f"not UTF-8 text: {error.reason} at byte {error.start}")
            )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error


def manifest_files(path: Path) -> list[Path]:
    """The file, or the YAML and JSON files of the folder, in the order of their names. Raises
    `CommandError`."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CommandError(f"{path}: no such file or folder")
    return sorted(
        file
        for file in path.rglob("*")
        if file.suffix in SUFFIXES and file.name not in NOT_MANIFESTS and file.is_file()
    )


def _read_text(reading: Reading, file: str, text: str, namespace: str) -> None:
    try:
        for document in documents.documents(file, text):
            _take(reading, document, namespace)
    except ManifestError as fault:
        reading.faults.append(fault)


def _take(reading: Reading, document: Document, namespace: str) -> None:
    for part in _flat(document):
        try:
            reading.manifests.append(Manifest(_completed(part, namespace), part.file, part.node))
        except ManifestError as fault:
            reading.faults.append(fault)


def _flat(document: Document) -> Iterator[Document]:
    """The document, or what is in it when it is a List."""
    file, value, node = document
    if not isinstance(value, dict) or value.get("kind") != "List":
        yield document
        return
    items = value.get("items")
    nodes: list[yaml.Node] = next((inner.value for key, inner in node.value if key.value == "items"), [])
    for item, inner in zip(items, nodes, strict=True) if isinstance(items, list) else ():
        yield from _flat(Document(file, item, inner))


def _completed(document: Document, namespace: str) -> Object:
    item = document.value
    _check_envelope(document)
    metadata = item["metadata"]
    if item["kind"] in CLUSTER_SCOPED:
        return dict(item)
    completed = {**item, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace}}
    return _with_encoded_strings(completed) if item["kind"] == "Secret" else completed


def _check_envelope(document: Document) -> None:
    """What every object has: type, name, and a namespace that is one. Raises `ManifestError`."""
    item = document.value
    if not isinstance(item, dict):
        _refuse(document, (), "a manifest is a mapping with apiVersion, kind and metadata")
    for name in ("apiVersion", "kind"):
        if not isinstance(item.get(name), str):
            _refuse(document, (name,), f"{name} is missing or not a string")
    if item["apiVersion"].startswith(f"{GROUP}/") and item["kind"] not in KINDS:
        message = f"there is no kind {item['kind']} in {GROUP}; {hint(item['kind'], tuple(KINDS))}"
        _refuse(document, ("kind",), message)
    metadata = item.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        _refuse(document, ("metadata", "name"), f"this {item['kind']} has no metadata.name")
    if not isinstance(metadata.get("namespace", ""), str | None):
        _refuse(document, ("metadata", "namespace"), "metadata.namespace is not a string")
    if item["kind"] in ("Secret", "ConfigMap"):
        _check_data(document)


def _check_data(document: Document) -> None:
    """What a Secret or a ConfigMap holds is text under names. Raises `ManifestError`."""
    for part in ("data", "stringData", "binaryData"):
        values = document.value.get(part) or {}
        if not isinstance(values, dict):
            _refuse(document, (part,), f"{part} is not a mapping")
        for name, value in values.items():
            if not isinstance(value, str | None):
                _refuse(document, (part, name), f"{part}.{name} is not a string; put it in quotes")


def _refuse(document: Document, path: FieldPath, problem: str) -> None:
    raise ManifestError(*place_in(document.file, document.node, path), problem)


def _with_encoded_strings(secret: Object) -> Object:
    """`stringData` is for writing only: an API server shows it merged into `data`."""
    strings: Any = secret.pop("stringData", None) or {}
    encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in strings.items()}
    return {**secret, "data": {**(secret.get("data") or {}), **encoded}}
