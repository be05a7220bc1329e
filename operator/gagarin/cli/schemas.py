"""JSON Schemas of the five kinds, for editors and validators: what the definitions say, made strict.

One file a kind in the layout that kubeconform and its like expect, and `gagarin.json`, which decides by
`kind`, for editors that know a file only by its name. They are draft 7, which all of them read. What only CEL
says, and whether a reference leads anywhere, `gagarin lint` knows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gagarin.api.crd import crd
from gagarin.api.kinds import API_VERSION, GROUP, KINDS, VERSION, Kind
from gagarin.cli.errors import CommandError

DRAFT = "http://json-schema.org/draft-07/schema#"
ALL = "gagarin.json"
Json = dict[str, Any]


def files() -> dict[str, str]:
    """File names, relative to the folder, and their contents."""
    found = {_name(kind): _text(schema(kind)) for kind in KINDS.values()}
    return found | {ALL: _text(_by_kind())}


def write(folder: Path) -> list[str]:
    """Write `files` to a folder. Returns their names. Raises `CommandError`."""
    try:
        for name, text in files().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    return list(files())


def out_of_step(folder: Path) -> list[str]:
    """The names of files in a folder that are missing or are not what `write` would write."""
    return [
        name
        for name, text in files().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def schema(kind: Kind) -> Json:
    """The schema of one kind."""
    version = crd(kind)["spec"]["versions"][0]
    root = strict(version["schema"]["openAPIV3Schema"])
    metadata = {
        "type": "object",
        "required": ["name"],
        "description": "Name, namespace, labels and annotations.",
    }
    constant = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind.name}, "metadata": metadata}
    properties = {name: each | constant.get(name, {}) for name, each in root["properties"].items()}
    required = ["apiVersion", "kind", "metadata", "spec"]
    return {"$schema": DRAFT, "title": kind.name} | root | {"required": required, "properties": properties}


def strict(structural: Json) -> Json:
    """A structural schema as a plain one in which an unknown field is an error."""
    open_ended = structural.get("x-kubernetes-preserve-unknown-fields")
    kept = {name: value for name, value in structural.items() if not name.startswith("x-kubernetes-")}
    if kept.pop("nullable", False):
        kept |= {"type": [kept["type"], "null"]} | ({"enum": [*kept["enum"], None]} if "enum" in kept else {})
    if "properties" in kept:
        kept["properties"] = {name: strict(value) for name, value in kept["properties"].items()}
        if not open_ended and "additionalProperties" not in kept:
            kept["additionalProperties"] = False
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = strict(kept["additionalProperties"])
    if "items" in kept:
        kept["items"] = strict(kept["items"])
    return kept


def _by_kind() -> Json:
    """A schema for files of all five kinds; anything else that is in them is not its business."""
    cases = [{"if": _is(kind), "then": {"$ref": _name(kind)}} for kind in KINDS.values()]
    return {"$schema": DRAFT, "title": "Gagarin", "type": "object", "allOf": cases}


def _is(kind: Kind) -> Json:
    told = {"apiVersion": {"pattern": f"^{GROUP}/"}, "kind": {"const": kind.name}}
    return {"required": ["apiVersion", "kind"], "properties": told}


def _name(kind: Kind) -> str:
    return f"{GROUP}/{kind.name.lower()}_{VERSION}.json"


def _text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
