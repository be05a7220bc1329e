"""Manifests read from files, as `kubectl apply -R -f DIR` would take them.

Every object comes back with a namespace (`default` where none is given), so that the rest of the program
sees what an API server would show. A mistake names the file and the line.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gagarin.cli.errors import CommandError, ManifestError
from gagarin.core.objects import Object

SUFFIXES = {".yaml", ".yml"}
NOT_MANIFESTS = {"kustomization.yaml", "kustomization.yml"}
CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def read_manifests(path: Path) -> list[Object]:
    """All objects in a file, or in the YAML files of a folder and its subfolders, in order of their names.

    Raises `CommandError` when there is nothing to read and `ManifestError` when a file is wrong.
    """
    objects = [item for file in _manifest_files(path) for item in _read_file(file)]
    if not objects:
        raise CommandError(f"{path}: no manifests there (looked for *.yaml and *.yml)")
    return objects


def _manifest_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CommandError(f"{path}: no such file or folder")
    return sorted(
        file for file in path.rglob("*") if file.suffix in SUFFIXES and file.name not in NOT_MANIFESTS
    )


def _read_file(file: Path) -> Iterator[Object]:
    try:
        text = file.read_text(encoding="utf-8")
        for line, document in _documents(text):
            yield from _objects_of(file, line, document)
    except UnicodeDecodeError as error:
        raise ManifestError(file, 1, f"not UTF-8 text: {error.reason} at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ManifestError(file, line, f"not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        raise ManifestError(file, 1, f"not valid YAML: {error}") from error


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # check_node said there is one
            yield node.start_mark.line + 1, loader.construct_document(node)
    finally:
        loader.dispose()


def _objects_of(file: Path, line: int, document: Any) -> Iterator[Object]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise ManifestError(file, line, "a manifest is a mapping with apiVersion, kind and metadata")
    if document.get("kind") == "List":
        for item in document.get("items") or []:
            yield from _objects_of(file, line, item)
        return
    yield _completed(file, line, document)


def _completed(file: Path, line: int, document: dict[str, Any]) -> Object:
    for field in ("apiVersion", "kind"):
        if not isinstance(document.get(field), str):
            raise ManifestError(file, line, f"{field} is missing or not a string")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise ManifestError(file, line, f"this {document['kind']} has no metadata.name")
    if document["kind"] in CLUSTER_SCOPED:
        return document
    completed = {**document, "metadata": {"namespace": "default", **metadata}}
    return _with_encoded_strings(completed) if document["kind"] == "Secret" else completed


def _with_encoded_strings(secret: Object) -> Object:
    """`stringData` is for writing only: an API server shows it merged into `data`."""
    strings = secret.pop("stringData", None) or {}
    encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in strings.items()}
    return {**secret, "data": {**(secret.get("data") or {}), **encoded}}
