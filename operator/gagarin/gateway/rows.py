"""Resources as the rows that the original answered with: the same names of fields, nothing secret.

`id` is the resource's name, and so is every reference. `ready`, `reason` and `message` are the condition
Ready; null before the operator has looked at a resource.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from gagarin.core.objects import Object
from gagarin.core.vendors import VENDORS

# How our types of tools are called where the original said `api_type`.
API_TYPES = {"HTTP": "http", "OpenAPI": "openapi", "MCP": "mcp", "Stdio": "stdio", "Agent": "agent"}


class Row(msgspec.Struct, kw_only=True):
    """What every row has."""

    id: str
    namespace: str
    created_at: str
    ready: bool | None
    reason: str | None
    message: str | None


class ProviderRow(Row, kw_only=True):
    """`api_key` is always null: `has_api_key` tells whether there is one."""

    name: str
    type: str
    api_url: str | None
    api_key: None = None
    has_api_key: bool
    models: list[str]


class ModelRow(Row, kw_only=True):
    """`max_tokens` is the size of the context, as it was in the original."""

    name: str
    provider: str
    provider_id: str
    base_model: str
    params: dict[str, Any]
    mode: str
    input_cost_per_token: float | None
    output_cost_per_token: float | None
    max_tokens: int | None


class AgentRow(Row, kw_only=True):
    """`prompt` is null where a ConfigMap holds it. `model` is a Model resource (`model_id`) or a provider's
    model (with `provider`)."""

    name: str
    description: str
    prompt: str | None
    model: str
    model_id: str | None
    provider: str | None
    tools: list[str]
    rag: list[dict[str, Any]]


class ToolRow(Row, kw_only=True):
    """`auth_method` tells how calls are authenticated; what with, nobody is told."""

    name: str
    handle: str
    description: str
    api_type: str
    api_url: str | None
    auth_method: str | None
    capabilities: dict[str, Any]


class InstanceRow(Row, kw_only=True):
    """`url` is where the Instance answers inside the cluster."""

    agent_id: str
    title: str
    url: str | None


class Condition(NamedTuple):
    """Whether a resource can be used, and why."""

    ready: bool | None
    reason: str | None
    message: str | None


def row(item: Object) -> Row:
    """The row of an object of one of the five kinds."""
    metadata = item["metadata"]
    condition = ready(item)
    shared = {
        "id": metadata["name"],
        "namespace": metadata["namespace"],
        "created_at": metadata["creationTimestamp"],
        "ready": condition.ready,
        "reason": condition.reason,
        "message": condition.message,
    }
    kind, members = _MAKERS[item["kind"]]
    made: Row = kind(**shared, **members(metadata["name"], item["spec"], item.get("status") or {}))
    return made


def ready(item: Object) -> Condition:
    """The condition Ready."""
    for condition in (item.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            is_ready = condition["status"] == "True"
            return Condition(is_ready, condition.get("reason"), condition.get("message"))
    return Condition(None, None, None)


def api_url(spec: Object) -> str | None:
    """Where a tool is called, if that is an address."""
    part = spec.get({"HTTP": "http", "OpenAPI": "openAPI", "MCP": "mcp"}.get(spec["type"], "")) or {}
    url: str | None = part.get("url")
    return url


def functions(spec: Object) -> list[Object]:
    """What an HTTP tool offers."""
    return [dict(each) for each in spec.get("functions") or ()]


def rag(spec: Object) -> list[Object]:
    """The documents of an agent, as far as they have addresses."""
    known = [each for each in spec.get("rag") or () if each["type"] == "URL"]
    return [{"name": each["name"], "type": "url", "url": each["url"]} for each in known]


def params(spec: Object) -> dict[str, Any]:
    """The parameters of a model under the names that vendors use."""
    found = dict(spec.get("params") or {})
    extra = found.pop("extraParams", None) or {}
    named = {"topP": "top_p", "maxTokens": "max_tokens", "reasoningEffort": "reasoning_effort"}
    return {str(named.get(name, name)): value for name, value in found.items()} | extra


def _provider(name: str, spec: Object, _: Object) -> dict[str, Any]:
    return {
        "name": name,
        "type": spec["type"],
        "api_url": spec.get("url") or VENDORS[spec["type"]].url,
        "has_api_key": "apiKey" in spec,
        "models": list(spec.get("models") or ()),
    }


def _model(name: str, spec: Object, _: Object) -> dict[str, Any]:
    cost = spec.get("cost") or {}
    return {
        "name": name,
        "provider": spec["providerRef"]["name"],
        "provider_id": spec["providerRef"]["name"],
        "base_model": spec["model"],
        "params": params(spec),
        "mode": spec.get("mode", "Chat").lower(),
        "input_cost_per_token": _number(cost.get("inputPerToken")),
        "output_cost_per_token": _number(cost.get("outputPerToken")),
        "max_tokens": spec.get("contextWindow"),
    }


def _agent(name: str, spec: Object, _: Object) -> dict[str, Any]:
    choice = spec.get("model") or {}
    shared = (spec.get("modelRef") or {}).get("name")
    return {
        "name": spec.get("displayName") or name,
        "description": spec.get("description", ""),
        "prompt": spec.get("prompt"),
        "model": shared or choice["name"],
        "model_id": shared,
        "provider": None if shared else choice["providerRef"]["name"],
        "tools": [use["toolRef"]["name"] for use in spec.get("tools") or ()],
        "rag": rag(spec),
    }


def _tool(name: str, spec: Object, _: Object) -> dict[str, Any]:
    auth = spec.get("auth")
    return {
        "name": name,
        "handle": name,
        "description": spec.get("description", ""),
        "api_type": API_TYPES[spec["type"]],
        "api_url": api_url(spec),
        "auth_method": auth["type"].lower() if auth else None,
        "capabilities": {"functions": functions(spec)},
    }


def _instance(name: str, spec: Object, status: Object) -> dict[str, Any]:
    return {
        "agent_id": spec["agentRef"]["name"],
        "title": spec.get("title") or name,
        "url": status.get("url"),
    }


def _number(decimal: str | None) -> float | None:
    return None if decimal is None else float(decimal)


_MAKERS: dict[str, tuple[Any, Any]] = {
    "Provider": (ProviderRow, _provider),
    "Model": (ModelRow, _model),
    "Agent": (AgentRow, _agent),
    "Tool": (ToolRow, _tool),
    "Instance": (InstanceRow, _instance),
}
