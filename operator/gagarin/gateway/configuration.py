"""Resources as a configuration of the original, which can be imported again (`gagarin.conversion`).

What has no counterpart there is not written in silence: it is told in comments at the top of the text. Keys
are references to the Secrets that hold them, never their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gagarin.conversion.providers import TYPES
from gagarin.conversion.yamltext import as_yaml
from gagarin.core.objects import Object
from gagarin.gateway import rows

Write = Callable[[str, Object], dict[str, Any]]
# Fields of our specs that the original has no words for.
_UNSAID: dict[str, tuple[str, ...]] = {
    "Provider": ("headers", "tls"),
    "Model": ("fallbackRefs",),
    "Agent": ("promptFrom", "responseSchema"),
    "Tool": ("tls", "allowedFunctions"),
    "Instance": (
        "overrides",
        "history",
        "limits",
        "service",
        "tls",
        "autoscaling",
        "networkPolicy",
        "auth",
        "pod",
    ),
}


def text(objects: Mapping[str, Sequence[Object]]) -> str:
    """The configuration, as YAML, of objects by the section that they belong to."""
    sections: dict[str, Any] = {}
    left_out: list[str] = []
    for section, items in objects.items():
        found = [_entry(item, left_out) for item in items]
        sections[section] = [entry for entry in found if entry is not None]
    comments = "".join(f"# {line}\n" for line in left_out)
    return comments + as_yaml(sections)


def _entry(item: Object, left_out: list[str]) -> dict[str, Any] | None:
    kind, name, spec = item["kind"], item["metadata"]["name"], item["spec"]
    if why := _cannot(kind, spec):
        left_out.append(f"{kind} {name} is left out: {why}")
        return None
    if unsaid := [field for field in _UNSAID[kind] if spec.get(field)]:
        left_out.append(f"{kind} {name} without {', '.join(unsaid)}")
    entry = {"id": name, **_WRITERS[kind](name, spec)}
    return {field: value for field, value in entry.items() if value not in (None, "", [], {})}


def _cannot(kind: str, spec: Object) -> str | None:
    """Why a resource has no counterpart at all."""
    references = [spec.get("modelRef"), spec.get("agentRef"), spec.get("providerRef")]
    references += [use["toolRef"] for use in spec.get("tools") or ()]
    if any("namespace" in each for each in references if each):
        return "it refers to another namespace"
    if kind == "Agent" and spec.get("prompt") is None:
        return "its prompt is in a ConfigMap"
    if kind == "Tool" and rows.api_url(spec) is None:
        return f"type {spec['type']}"
    if kind == "Tool" and (spec.get("auth") or {}).get("type") == "Header":
        return "its credential goes into a header of its own"
    return None


def _provider(name: str, spec: Object) -> dict[str, Any]:
    told = TYPES.get(name, "OpenAICompatible") == spec["type"]
    return {
        "name": name,
        "type": None if told else spec["type"],
        "api_url": spec.get("url"),
        "api_key": spec.get("apiKey"),
        "models": spec.get("models"),
    }


def _model(name: str, spec: Object) -> dict[str, Any]:
    cost = spec.get("cost") or {}
    return {
        "name": name,
        "provider": spec["providerRef"]["name"],
        "params": rows.params(spec),
        "model_info": {"base_model": spec["model"]},
        "mode": spec.get("mode", "Chat").lower(),
        "input_cost_per_token": cost.get("inputPerToken"),
        "output_cost_per_token": cost.get("outputPerToken"),
        "max_tokens": spec.get("contextWindow"),
    }


def _agent(name: str, spec: Object) -> dict[str, Any]:
    choice = spec.get("model") or {}
    top_k = (spec.get("retrieval") or {}).get("topK")
    documents = [{**each, "top_k": top_k} if top_k else each for each in rows.rag(spec)]
    return {
        "name": spec.get("displayName") or name,
        "description": spec.get("description"),
        "prompt": spec["prompt"],
        "model": choice.get("name") or spec["modelRef"]["name"],
        "provider": choice["providerRef"]["name"] if choice else None,
        "tools": [use["toolRef"]["name"] for use in spec.get("tools") or ()],
        "rag": documents,
    }


def _tool(name: str, spec: Object) -> dict[str, Any]:
    auth = spec.get("auth")
    offered = rows.functions(spec)
    return {
        "name": name,
        "handle": name,
        "description": spec.get("description"),
        "api_type": None if spec["type"] == "HTTP" else rows.API_TYPES[spec["type"]],
        "api_url": rows.api_url(spec),
        "auth_method": auth["type"].lower() if auth else None,
        "auth_info": _auth_info(auth) if auth else None,
        "capabilities": {"functions": offered} if offered else None,
    }


def _auth_info(auth: Object) -> dict[str, Any]:
    if auth["type"] == "Bearer":
        return {"token": auth["bearer"]}
    return {field: auth["basic"][field] for field in ("username", "password")}


def _instance(_: str, spec: Object) -> dict[str, Any]:
    return {"agent_id": spec["agentRef"]["name"], "title": spec.get("title")}


_WRITERS: dict[str, Write] = {
    "Provider": _provider,
    "Model": _model,
    "Agent": _agent,
    "Tool": _tool,
    "Instance": _instance,
}
