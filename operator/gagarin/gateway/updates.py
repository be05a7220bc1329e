"""What a PUT changes: the fields of a row that differ from what is there, as a merge patch of the spec (RFC
7396).

The original's clients send whole rows back, or only what is new: both come to the same. Whatever the
original had no words for (limits, sharing, the parts of a tool that it did not know) stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gagarin.conversion.names import valid
from gagarin.core.objects import Object
from gagarin.gateway import problems
from gagarin.gateway.forms import SECTIONS, converted
from gagarin.gateway.rows import api_url, row

# The members of a spec that a field of a row decides; none: it is the resource's name, which stays.
_MEMBERS: dict[str, dict[str, tuple[str, ...]]] = {
    "Provider": {"name": (), "api_url": ("url",), "api_key": ("apiKey",), "models": ("models",)},
    "Model": {
        "name": (),
        "provider": ("providerRef",),
        "base_model": ("model",),
        "model_info": ("model",),
        "params": ("params",),
        "mode": ("mode",),
        "input_cost_per_token": ("cost",),
        "output_cost_per_token": ("cost",),
        "max_tokens": ("contextWindow",),
    },
    "Agent": {
        "name": ("displayName",),
        "description": ("description",),
        "prompt": ("prompt", "promptFrom"),
        "model": ("modelRef", "model"),
        "provider": ("modelRef", "model"),
        "tools": ("tools",),
        "rag": ("rag",),
    },
    "Tool": {
        "name": (),
        "handle": (),
        "description": ("description",),
        "api_url": ("type", "http", "openAPI", "mcp", "functions"),
        "api_type": ("type", "http", "openAPI", "mcp", "functions"),
        "capabilities": ("functions",),
        "auth_method": ("auth",),
        "auth_info": ("auth",),
    },
    "Instance": {"title": ("title",), "agent_id": ("agentRef",)},
}
_MERGED = ("http", "openAPI", "mcp", "cost")  # what a row does not show of these stays


class Update(NamedTuple):
    """A merge patch of the spec, the Secrets that it refers to, and what there is to tell."""

    patch: dict[str, Any]
    secrets: list[Object]
    notes: list[str]


def update(item: Object, body: Mapping[str, Any]) -> Update:
    """What the body changes of an object. Raises `Problem` 422."""
    kind, spec = item["kind"], item["spec"]
    there = msgspec.to_builtins(row(item))
    changed = {field: value for field, value in body.items() if field not in there or value != there[field]}
    _check(kind, item["metadata"]["name"], changed)
    if not changed:
        return Update({}, [], [])
    entry = {"id": item["metadata"]["name"], **_stand_in(kind, item, changed), **changed}
    made = converted({SECTIONS[kind]: [entry]}, item["metadata"]["namespace"], kind)
    members = {member for field in changed for member in _MEMBERS[kind][field]}
    new = made.manifests[0]["spec"]
    patch = {member: _member(member, spec, new) for member in sorted(members)}
    if kind == "Agent" and "rag" in changed and "retrieval" in new:
        patch["retrieval"] = new["retrieval"]
    return Update(
        {name: value for name, value in patch.items() if name in spec or value is not None}, *made[1:]
    )


def _check(kind: str, name: str, changed: dict[str, Any]) -> None:
    """Only what can be changed is to be changed; a name may be spelt as the original spelt it."""
    fields = _MEMBERS[kind]
    faults = [
        (field, "there is no such field, or it cannot be changed") for field in changed if field not in fields
    ]
    for field in [field for field in changed if fields.get(field) == ()]:
        if valid(str(changed[field])) != name:
            faults.append((field, f"the resource is called {name}; make another one instead"))
        del changed[field]
    if faults:
        raise problems.invalid(faults)


def _stand_in(kind: str, item: Object, changed: Mapping[str, Any]) -> dict[str, Any]:
    """What a conversion needs beside what has changed: as it is now, or anything."""
    spec, name = item["spec"], item["metadata"]["name"]
    match kind:
        case "Provider":
            return {"name": name, "type": spec["type"], "api_url": spec.get("url")}
        case "Model":
            info = {} if "base_model" in changed else {"model_info": {"base_model": spec["model"]}}
            return {"name": name, "provider": spec["providerRef"]["name"], **info}
        case "Agent":
            return {"name": name, "prompt": "-", **_model(spec, changed)}
        case "Tool":
            types = {"OpenAPI": "openapi", "MCP": "mcp"}
            kept = {
                "api_type": types.get(spec["type"], ""),
                "capabilities": {"functions": spec.get("functions")},
            }
            if "auth_info" in changed and "auth" in spec:
                kept["auth_method"] = spec["auth"]["type"].lower()
            return {"name": name, "api_url": api_url(spec) or "http://stand-in", **kept}
    return {"agent_id": spec["agentRef"]["name"]}


def _model(spec: Object, changed: Mapping[str, Any]) -> dict[str, Any]:
    if "model" in changed:
        return {}
    choice = spec.get("model")
    if choice is None:
        return {"model": spec["modelRef"]["name"]}
    return {"model": choice["name"], "provider": choice["providerRef"]["name"]}


def _member(member: str, old: Object, new: Object) -> Any:
    if member == "tools":
        uses = {use["toolRef"]["name"]: use for use in old.get("tools") or ()}
        return [uses.get(use["toolRef"]["name"], use) for use in new.get("tools") or ()]
    if member == "rag":
        return _sources(old.get("rag") or (), new.get("rag") or ())
    if member in _MERGED:
        return new.get(member)
    return replaced(old.get(member), new.get(member))


def _sources(old: Any, new: Any) -> list[Object]:
    """A row shows only those with an address: the others stay, and known addresses keep their settings."""
    known = {each["url"]: each for each in old if each["type"] == "URL"}
    return [each for each in old if each["type"] != "URL"] + [known.get(each["url"], each) for each in new]


def replaced(old: Any, new: Any) -> Any:
    """The merge patch that makes `new` of `old`."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    gone: dict[str, Any] = {name: None for name in old if name not in new}
    return gone | {name: replaced(old.get(name), value) for name, value in new.items()}
