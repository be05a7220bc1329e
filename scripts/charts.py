#!/usr/bin/env python3
"""Keep the charts in step with what they repeat: the CRDs, the version, and the tables of values.

The templates of charts/gagarin-crds are copies of crds/*.yaml, `version` and `appVersion` are the project's,
and the table in each README is made of the comments in values.yaml. Without arguments the files are written
anew; with --check they are only compared, and exit status 1 names those that are out of step.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHARTS = ("gagarin", "gagarin-crds")
KEEP = """\
  {{- if .Values.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""
TABLE_BEGINS = "<!-- values.yaml as a table; scripts/charts.py writes it -->\n"
TABLE_ENDS = "<!-- end of the table -->\n"

Files = dict[Path, str]


class Value(NamedTuple):
    """One value of a chart: its dotted path, its default as JSON, and what its comment says."""

    path: str
    default: str
    meaning: str


def generated(root: Path) -> Files:
    """Every file this script answers for, with the text it should have."""
    files = crd_templates(root)
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    for chart in (root / "charts" / name for name in CHARTS):
        files[chart / "Chart.yaml"] = with_version((chart / "Chart.yaml").read_text(), version)
        table = table_of(values_of((chart / "values.yaml").read_text()))
        files[chart / "README.md"] = with_table((chart / "README.md").read_text(), table)
    return files


def crd_templates(root: Path) -> Files:
    """The templates of the chart gagarin-crds, one for each file in crds/."""
    folder = root / "charts" / "gagarin-crds" / "templates"
    return {folder / source.name: crd_template(source) for source in sorted((root / "crds").glob("*.yaml"))}


def crd_template(source: Path) -> str:
    """The template of one CRD: its text as it is, and the annotation that `keep` decides about."""
    literal = source.read_text().replace("{{", '{{ "{{" }}')
    annotated = literal.replace("\nmetadata:\n", f"\nmetadata:\n{KEEP}", 1)
    return f"# A copy of crds/{source.name}; scripts/charts.py writes it.\n{annotated}"


def with_version(chart: str, version: str) -> str:
    """Chart.yaml with the project's version as its own and as the application's."""
    return re.sub(r"^(version|appVersion): .*$", rf"\g<1>: {version}", chart, flags=re.MULTILINE)


def values_of(text: str) -> list[Value]:
    """The values in a values.yaml, in its order.

    The comment above a key describes it. A key below which others have comments is a section and no value.
    Raises `ValueError` for a value nobody described.
    """
    comments = dict(_comments(text))
    return list(_described(yaml.safe_load(text), "", comments))


def _described(section: dict[str, Any], prefix: str, comments: dict[str, str]) -> Iterator[Value]:
    for name, default in section.items():
        path = f"{prefix}{name}"
        if any(other.startswith(f"{path}.") for other in comments):
            yield from _described(default, f"{path}.", comments)
        elif path in comments:
            yield Value(path, json.dumps(default), comments[path])
        else:
            raise ValueError(f"values.yaml: nothing above {path} says what it is for")


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """The path of each commented key with its comment as one line."""
    keys: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
            continue
        if key := re.match(r"( *)([A-Za-z]+):", line):
            indent = len(key[1])
            keys = [*(outer for outer in keys if outer[0] < indent), (indent, key[2])]
            if comment:
                yield ".".join(name for _, name in keys), " ".join(comment)
        comment = []


def table_of(values: list[Value]) -> str:
    """A Markdown table, one row a value."""
    rows = [f"| `{v.path}` | `{v.default}` | {v.meaning.replace('|', chr(92) + '|')} |\n" for v in values]
    return "| value | default | meaning |\n|---|---|---|\n" + "".join(rows)


def with_table(readme: str, table: str) -> str:
    """The README with the text between the two markers replaced."""
    before, rest = readme.split(TABLE_BEGINS)
    _, after = rest.split(TABLE_ENDS)
    return f"{before}{TABLE_BEGINS}{table}{TABLE_ENDS}{after}"


def out_of_step(files: Files) -> list[Path]:
    """The files whose text on disk is another one."""
    return [path for path, text in files.items() if not path.exists() or path.read_text() != text]


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep the charts in step with what they repeat.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of step")
    check = parser.parse_args().check
    files = generated(ROOT)
    stale = out_of_step(files)
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of step: run scripts/charts.py", file=sys.stderr)
        else:
            path.write_text(files[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
