"""Every field of the five kinds, from the CRDs.

The CRDs are what `kubectl explain` prints, so the page and the cluster cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from scripts.reference.markdown import ROOT, escaped

KINDS = ("provider", "model", "tool", "agent", "instance")
INTRODUCTION = """\
# Resources

Group `gagarin.fyodorov.ai`, version `v1alpha1`, all kinds namespaced. This page is made of the
[definitions](../../crds); `kubectl explain instance.spec` shows the same in a terminal, and the
[conditions](conditions.md) of their status have a page of their own.
"""

Schema = dict[str, Any]


class Field(NamedTuple):
    """One row: where the field is, what it takes, and what it is for."""

    path: str
    type: str
    description: str


def fields(schema: Schema, path: str = "") -> Iterator[Field]:
    """All fields below an object, depth first; `[]` marks the items of a list, `.*` the values of a map."""
    required = schema.get("required", [])
    for name, part in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield Field(here, kind_of(part), description_of(part, name in required))
        yield from below(part, here)


def below(part: Schema, path: str) -> Iterator[Field]:
    """The fields inside a field."""
    if part.get("type") == "array":
        yield from fields(part["items"], f"{path}[]")
    elif isinstance(part.get("additionalProperties"), dict):
        yield from fields(part["additionalProperties"], f"{path}.*")
    else:
        yield from fields(part, path)


def kind_of(part: Schema) -> str:
    """The type as a person says it."""
    if choices := part.get("enum"):
        return " or ".join(f"`{choice}`" for choice in choices)
    if part.get("type") == "array":
        return f"list of {kind_of(part['items'])}"
    if isinstance(part.get("additionalProperties"), dict):
        return f"map of {kind_of(part['additionalProperties'])}"
    if part.get("x-kubernetes-int-or-string"):
        return "quantity"
    return str(part.get("type", "any"))


def description_of(part: Schema, required: bool) -> str:
    """The description with what a reader needs of the constraints: required, default, bounds."""
    said = " ".join(str(part.get("description", "")).split())
    notes = ["required"] if required else []
    default = part.get("default")
    if default is not None and not isinstance(default, dict):
        notes.append(f"default `{default}`")
    bounds = {"minimum": "at least", "maximum": "at most", "maxLength": "at most characters:"}
    notes += [f"{words} {part[name]:,}" for name, words in bounds.items() if name in part]
    return f"{said} *({', '.join(notes)})*" if notes else said


def rules(schema: Schema) -> Iterator[str]:
    """The messages of all validation rules, each once, in order."""
    for rule in schema.get("x-kubernetes-validations", []):
        yield rule["message"]
    inside = (schema.get("items"), schema.get("additionalProperties"))
    for part in (*schema.get("properties", {}).values(), *inside):
        if isinstance(part, dict):
            yield from rules(part)


def section(crd: Schema) -> str:
    """The part of the page about one kind."""
    version = crd["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    names = crd["spec"]["names"]
    lines = [f"## {names['kind']}", "", " ".join(schema["description"].split()), ""]
    lines += [f"Short name: `{names['shortNames'][0]}`.", ""]
    for part in ("spec", "status"):
        lines += [f"### {names['kind']} {part}", "", "| field | type | description |", "|---|---|---|"]
        found = fields(schema["properties"][part])
        lines += [f"| `{it.path}` | {it.type} | {escaped(it.description)} |" for it in found]
        lines.append("")
    lines += [f"### {names['kind']} rules", ""]
    lines += [f"- {message}" for message in dict.fromkeys(rules(schema))]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    crds = [yaml.safe_load((ROOT / f"crds/{kind}s.yaml").read_text(encoding="utf-8")) for kind in KINDS]
    return "\n".join([INTRODUCTION, *(section(crd) for crd in crds)])
