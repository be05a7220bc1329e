"""The folders below examples/, and what `kubectl apply -k` would apply of each.

A folder is found by being there: a new example is tested without a change here. An example may have further
kustomizations in its subfolders (a client, a variant, an overlay), which count as parts of it.
"""

from __future__ import annotations

import functools
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
    """The objects of all kustomizations of an example, those of outer folders first."""
    paths = [file for file in files(example) if file.name == "kustomization.yaml"]
    outer_first = sorted(paths, key=lambda path: (len(path.parts), path))
    return tuple(item for path in outer_first if _is_whole(path) for item in build(path.parent))


def is_foreign(item: Object) -> bool:
    """Whether an API server with our definitions does not know its kind."""
    return group_of(item) in FOREIGN


def group_of(item: Object) -> str:
    """Its API group; empty for the core's."""
    return str(item["apiVersion"]).rpartition("/")[0]


def _is_whole(kustomization: Path) -> bool:
    """Whether it can be built by itself: a Component is only a part of others."""
    return bool(yaml.safe_load(kustomization.read_text(encoding="utf-8")).get("kind") != "Component")
