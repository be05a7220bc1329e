"""Two states of an object as a unified diff for people: without what the server adds, and without secrets.

The text of a chat server's configuration is shown as the document that it is, so that a changed prompt is a
changed line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from gagarin.conversion.yamltext import as_yaml
from gagarin.core import config
from gagarin.core.objects import Key, Object

# Kept by the API server or by the operator, and no part of what somebody wants.
SERVER_FIELDS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
BOOKKEEPING = ("gagarin.fyodorov.ai/applied", "deployment.kubernetes.io/revision")
MASK = "***"


def difference(key: Key, before: Object | None, after: Object | None) -> str:
    """The difference between two states, None being that there is no such object; "" when there is none."""
    old, new = (_shown(state) if state else {} for state in (before, after))
    if key.kind == "Secret":
        _mask(old, new)
    lines = difflib.unified_diff(
        as_yaml(old).splitlines() if old else [],
        as_yaml(new).splitlines() if new else [],
        fromfile=f"live/{key}" if before else "/dev/null",
        tofile=f"new/{key}" if after else "/dev/null",
        lineterm="",
    )
    return "\n".join(lines)


def merged(live: Any, wanted: Any) -> Any:
    """The live value with what is wanted put in, defaults of the server left as they are: what an apply
    nearly comes to, where it cannot be tried. What is not wanted any more is not seen by this."""
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return {**live, **{name: merged(live.get(name), value) for name, value in wanted.items()}}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [merged(old, new) for old, new in zip(live, wanted, strict=True)]
    return wanted


def _shown(item: Object) -> Object:
    metadata = {name: value for name, value in item["metadata"].items() if name not in SERVER_FIELDS}
    annotations = metadata.pop("annotations", None) or {}
    kept = {name: value for name, value in annotations.items() if name not in BOOKKEEPING}
    metadata |= {"annotations": kept} if kept else {}
    shown = {**item, "metadata": metadata}
    shown.pop("status", None)
    text = (item.get("data") or {}).get(config.FILE_NAME)
    if item["kind"] == "ConfigMap" and text:
        shown["data"] = {**item["data"], config.FILE_NAME: msgspec.json.decode(text)}
    ordered: Object = _sorted(shown)
    return ordered


def _sorted(value: Any) -> Any:
    """Keys in one order, so that only contents differ."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _mask(old: Object, new: Object) -> None:
    """Puts a mask in place of the values of Secrets, one that tells whether they differ."""
    before, after = old.get("data") or {}, new.get("data") or {}
    for name in before.keys() | after.keys():
        same = before.get(name) == after.get(name) or not (name in before and name in after)
        if name in before:
            before[name] = MASK if same else f"{MASK} (before)"
        if name in after:
            after[name] = MASK if same else f"{MASK} (after)"
