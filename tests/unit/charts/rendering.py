"""What the charts become, by the real helm: rendered objects, notes, and refusals.

Rendering needs no cluster; the oldest supported Kubernetes is named where helm would ask one.
"""

import copy
import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.manifests import program

ROOT = Path(__file__).resolve().parents[3]
CHARTS = ROOT / "charts"
OLDEST = "1.30.0"

Object = dict[str, Any]


def helm(*arguments: str | Path, values: Object | None = None) -> subprocess.CompletedProcess[str]:
    """A helm command, with `values` given to it as a file would be."""
    command = [program("helm"), *map(str, arguments), *(["--values", "-"] if values else [])]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


def template(
    chart: Path,
    *options: str,
    values: Object | None = None,
    release: str = "gagarin",
    kubernetes: str = OLDEST,
) -> subprocess.CompletedProcess[str]:
    """`helm template` of a release in gagarin-system."""
    where = ("--namespace", "gagarin-system", "--kube-version", kubernetes)
    return helm("template", release, chart, *where, *options, values=values)


def render(chart: str = "gagarin", *, values: Object | None = None, release: str = "gagarin") -> list[Object]:
    """The objects of a chart, a copy of them. An AssertionError has what helm said when it refuses."""
    return copy.deepcopy(list(_rendered(chart, release, json.dumps(values or {}))))


@functools.cache
def _rendered(chart: str, release: str, values: str) -> tuple[Object, ...]:
    done = template(CHARTS / chart, release=release, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return tuple(item for item in yaml.load_all(done.stdout, yaml.CSafeLoader) if item)


def refusal(values: Object, chart: str = "gagarin") -> str:
    """What helm says to values it does not take."""
    done = template(CHARTS / chart, values=values)
    assert done.returncode != 0, f"{values} were taken"
    return done.stderr


def notes(*options: str, chart: str = "gagarin", values: Object | None = None) -> str:
    """What NOTES.txt tells after an installation.

    Helm shows notes to a cluster only, so they are rendered as the one value of a template.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(CHARTS / chart, Path(folder) / chart)) / "templates"
        text = (copy / "NOTES.txt").read_text()
        (copy / "_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}")
        (copy / "notes.yaml").write_text('notes: {{ include "notes" . | toJson }}')
        done = template(copy.parent, "--show-only", "templates/notes.yaml", *options, values=values)
        assert done.returncode == 0, done.stderr
        return str(yaml.safe_load(done.stdout)["notes"])


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """The objects of one kind."""
    return [item for item in objects if item["kind"] == kind]


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of that kind (and name)."""
    found = [item for item in of_kind(objects, kind) if name in (None, item["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects of kind {kind} called {name or 'anything'}"
    return found[0]


def pod_spec(objects: list[Object]) -> Object:
    """The pod of the operator's Deployment."""
    spec: Object = only(objects, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(objects: list[Object]) -> Object:
    """The operator's container."""
    (found,) = pod_spec(objects)["containers"]
    assert isinstance(found, dict)
    return found


def environment(objects: list[Object]) -> dict[str, str]:
    """The operator's environment variables that have a plain value."""
    return {item["name"]: item["value"] for item in container(objects)["env"] if "value" in item}


def pods_of(objects: list[Object]) -> Iterator[Object]:
    """The spec of every pod that these objects make."""
    for item in objects:
        if item["kind"] in {"Deployment", "Job"}:
            yield item["spec"]["template"]["spec"]


def meets_restricted(pod: Object) -> bool:
    """Whether a pod says all that the restricted Pod Security Standard wants to be said."""
    security = pod.get("securityContext", {})
    runtime_default = security.get("seccompProfile", {}).get("type") == "RuntimeDefault"
    return (
        security.get("runAsNonRoot") is True and runtime_default and all(map(_is_bounded, pod["containers"]))
    )


def _is_bounded(item: Object) -> bool:
    security = item.get("securityContext", {})
    return (
        security.get("allowPrivilegeEscalation") is False
        and security.get("readOnlyRootFilesystem") is True
        and security.get("capabilities") == {"drop": ["ALL"]}
    )
