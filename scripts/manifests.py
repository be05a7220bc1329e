#!/usr/bin/env python3
"""Render the charts with their default values into manifests/, for those who install with kubectl alone.

One source for both ways: what `kubectl apply -k manifests/` installs is what Helm installs, less the labels
that only mean something to Helm. Without arguments the files are written anew; with --check they are only
compared, and exit status 1 names those that are out of step.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "gagarin-system"
KUBE_VERSION = "1.30.0"
HELM_LABELS = ("app.kubernetes.io/managed-by", "helm.sh/chart")
SOURCES = {"crds.yaml": ("gagarin-crds", "--set", "keep=false"), "operator.yaml": ("gagarin",)}

Manifest = dict[str, Any]


@functools.cache
def program(name: str) -> str:
    """Where helm or kubectl is: what $HELM or $KUBECTL says, or the one that the local cluster uses."""
    if given := os.environ.get(name.upper()):
        return given
    command = [sys.executable, str(ROOT / "hack" / "cluster"), "binaries", name]
    folder = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return str(Path(folder) / name)


def rendered(chart: str, *options: str) -> list[Manifest]:
    """What a chart becomes as a release called `gagarin`, in the order Helm would apply it."""
    command = [program("helm"), "template", "gagarin", str(ROOT / "charts" / chart), "--namespace", NAMESPACE]
    command += ["--kube-version", KUBE_VERSION, *options]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [item for item in yaml.load_all(text, yaml.CSafeLoader) if item]


def without_helm(item: Any) -> Any:
    """The same without the labels that only Helm reads, wherever they are."""
    if isinstance(item, dict):
        return {key: without_helm(value) for key, value in item.items() if key not in HELM_LABELS}
    if isinstance(item, list):
        return [without_helm(value) for value in item]
    return item


def manifest(chart: str, *options: str) -> str:
    """The text of one file below manifests/."""
    objects = [without_helm(item) for item in rendered(chart, *options)]
    title = f"# charts/{chart} with its default values; scripts/manifests.py writes it.\n"
    return title + yaml.dump_all(
        objects, Dumper=yaml.CSafeDumper, sort_keys=False, width=110, allow_unicode=True
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Render the charts into manifests/.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of step")
    check = parser.parse_args().check
    stale = 0
    for name, source in SOURCES.items():
        path, text = ROOT / "manifests" / name, manifest(*source)
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if check:
            print(f"manifests/{name} is out of step: run scripts/manifests.py", file=sys.stderr)
        else:
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
