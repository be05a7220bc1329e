"""The folders below examples/, and what `kubectl apply -k` would apply of each.

A folder is found by being there: a new example is tested without a change here. An example may have further
kustomizations in its subfolders (a client, a variant, an overlay), which count as parts of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import yaml

from gagarin.core.objects import Object
from tests.unit.charts.kustomization import build

ROOT = Path(__file__).resolve().parents[3] / "examples"
EXAMPLES = sorted(folder for folder in ROOT.iterdir() if folder.is_dir())
# Groups of kinds that somebody else's definitions make: these objects are built and read, and not applied.
FOREIGN = {
    "argoproj.io": "Argo CD",
    "external-secrets.io": "External Secrets",
    "helm.toolkit.fluxcd.io": "Flux",
    "keda.sh": "KEDA",
    "kustomize.toolkit.fluxcd.io": "Flux",
    "source.toolkit.fluxcd.io": "Flux",
}


def files(example: Path) -> list[Path]:
    """What somebody who looks into the example finds there."""
    found = (file for file in example.rglob("*") if "__pycache__" not in file.parts)
    return sorted(file for file in found if file.is_file())


@functools.cache
def applied(example: Path) -> tuple[Object, ...]:
    """The objects of all kustomizations of an example, those of outer folders first. Of an object that is in
    several of them, the last one counts, as if they were applied one after the other."""
    paths = [file for file in files(example) if file.name == "kustomization.yaml"]
    outer_first = sorted(paths, key=lambda path: (len(path.parts), path))
    items = (item for path in outer_first if _is_whole(path) for item in build(path.parent))
    return tuple({_identity(item): item for item in items}.values())


def on_cluster(example: Path) -> list[Object]:
    """What the API server gets to see of it: its own objects, and what others would make of foreign ones."""
    items = applied(example)
    return [*(item for item in items if not is_foreign(item)), *map(_secret, _external_secrets(items))]


def is_foreign(item: Object) -> bool:
    """Whether an API server with our definitions does not know its kind."""
    return group_of(item) in FOREIGN


def group_of(item: Object) -> str:
    """Its API group; empty for the core's."""
    return str(item["apiVersion"]).rpartition("/")[0]


def _identity(item: Object) -> tuple[str, str, str, str]:
    metadata = item["metadata"]
    return group_of(item), item["kind"], metadata.get("namespace", ""), metadata["name"]


def _external_secrets(items: Iterable[Object]) -> Iterable[Object]:
    return (item for item in items if item["kind"] == "ExternalSecret")


def _secret(external: Object) -> Object:
    """The Secret that External Secrets would make: its name and its keys, and a value that is none."""
    spec = external["spec"]
    metadata = {"name": spec["target"]["name"], "namespace": external["metadata"]["namespace"]}
    values = {entry["secretKey"]: "replace-me" for entry in spec["data"]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def _is_whole(kustomization: Path) -> bool:
    """Whether it can be built by itself: a Component is only a part of others."""
    return bool(yaml.safe_load(kustomization.read_text(encoding="utf-8")).get("kind") != "Component")
