"""Golden cases: what a set of resources becomes, written out so that a reviewer can read the difference.

A case is a folder with `input/*.yaml`, and `installation.yaml` where it needs `settings` or a `policy` of the
installation other than the default. Its `output/` has `children.yaml` (the manifests of every Instance),
`config.yaml` (the configuration of every chat server, which is a line of JSON in its ConfigMap) and
`status.yaml` (the status of each of our resources before any pod runs, without times and generations). Files
that would be empty are left out. `python -m tests.golden.cases` writes all of them anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gagarin.core.config import FILE_NAME
from gagarin.core.graph import OUR_KINDS
from gagarin.core.objects import Object, ObjectMap, key_of
from gagarin.core.policy import Policy
from gagarin.core.render import RenderSettings, render, revision_of
from gagarin.core.resolve import resolve
from gagarin.core.status import status_of

FOLDER = Path(__file__).parent
SETTINGS = RenderSettings(image="registry.example.com/gagarin:1.2.3", image_pull_policy="IfNotPresent")
NOW = "2026-01-01T00:00:00Z"


def cases() -> list[Path]:
    """The folders of all cases."""
    return sorted(path.parent for path in FOLDER.glob("*/input"))


def resources(case: Path) -> list[Object]:
    """The input of a case."""
    return [item for path in sorted(case.glob("input/*.yaml")) for item in _read(path)]


def produce(case: Path) -> dict[str, str]:
    """The output files of a case, by name."""
    found = become(resources(case), *installation(case))
    return {name: _text(documents) for name, documents in found.items() if documents}


def become(items: list[Object], settings: RenderSettings, policy: Policy) -> dict[str, list[Any]]:
    """What the resources become, by the name of the file."""
    objects = ObjectMap(items)
    children: list[Object] = []
    configs: list[Any] = []
    statuses: list[Any] = []
    for item in items:
        if item["kind"] not in OUR_KINDS:
            continue
        resolution = resolve(item, objects, policy)
        own = render(resolution.resolved, settings) if resolution.resolved else []
        children += own
        configs += [msgspec.json.decode(child["data"][FILE_NAME]) for child in own if child.get("immutable")]
        status = status_of(item, resolution, [], NOW, revision=revision_of(own))
        statuses.append({str(key_of(item)): _without_dates(status)})
    return {"children.yaml": children, "config.yaml": configs, "status.yaml": statuses}


def installation(case: Path) -> tuple[RenderSettings, Policy]:
    """The settings and the policy that a case is made with."""
    path = case / "installation.yaml"
    given = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    settings = msgspec.convert(msgspec.to_builtins(SETTINGS) | given.get("settings", {}), RenderSettings)
    return settings, msgspec.convert(given.get("policy", {}), Policy)


def write(case: Path) -> None:
    """Make the output of a case what `produce` gives."""
    output = case / "output"
    output.mkdir(exist_ok=True)
    for path in output.iterdir():
        path.unlink()
    for name, text in produce(case).items():
        (output / name).write_text(text, encoding="utf-8")


def _without_dates(status: dict[str, Any]) -> dict[str, Any]:
    wanted = ("type", "status", "reason", "message")
    conditions = [{name: each[name] for name in wanted} for each in status["conditions"]]
    return {name: value for name, value in status.items() if name != "observedGeneration"} | {
        "conditions": conditions
    }


def _read(path: Path) -> list[Object]:
    return [item for item in yaml.safe_load_all(path.read_text(encoding="utf-8")) if item]


class _Dumper(yaml.SafeDumper):
    """Never an anchor: each document can be read alone."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(documents: list[Any]) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    for each in cases():
        write(each)
    sys.exit()
