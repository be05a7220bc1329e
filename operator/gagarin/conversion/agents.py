"""Agents, and an Instance for each: the original made one by itself."""

from __future__ import annotations

import re
from typing import Any

from gagarin.api.fields import NAME
from gagarin.conversion.context import Context
from gagarin.conversion.names import valid
from gagarin.conversion.providers import ensure
from gagarin.conversion.shapes import Fields

_NO_COUNTERPART = {
    "prompt_size": "a prompt has up to 262,144 bytes",
    "public": "who may chat is a Role and a RoleBinding",
    "user_id": "objects belong to namespaces",
    "api_key": "keys belong to the provider",
    "api_url": "addresses belong to the provider",
    "created_at": "objects have a time of their own",
}


def convert_agents(context: Context, fields: Fields) -> None:
    """The sections `agents` and `instances`."""
    for agent in fields.items("agents"):
        convert_agent(context, agent)
    explicit = [_instance(context, instance) for instance in fields.items("instances")]
    with_instance = {agent for agent in explicit if agent is not None}
    for text in context.agents.texts():
        name = context.agents.of(text)
        if name is not None and name not in with_instance:
            _add_instance(context, name, name, "")


def convert_agent(context: Context, fields: Fields) -> None:
    """One agent."""
    text = fields.first_text("name", "name_for_human")
    if not text:
        context.report.fault(fields.place("name"), "is missing")
        return
    if text in context.agents:
        context.report.fault(fields.place("name"), f"there is another agent called {text}")
        return
    identifier = fields.text("id")
    name = context.agents.make(text, identifier)
    if identifier:
        context.agent_ids[identifier] = name
    prompt = fields.text("prompt")
    if not prompt:
        context.report.fault(fields.place("prompt"), "is missing")
    rag, top_k = _knowledge(context, fields)
    context.add(
        "Agent",
        name,
        {
            "displayName": text if text != name else None,
            "description": fields.first_text("description", "description_for_human"),
            "prompt": prompt,
            **_model(context, fields),
            "tools": _tools(context, fields),
            "rag": rag,
            "retrieval": {"topK": top_k} if rag and top_k else None,
        },
    )
    for field, why in _NO_COUNTERPART.items():
        fields.drop(field, why)
    fields.take("model_id")
    fields.finish()


def _model(context: Context, fields: Fields) -> dict[str, Any]:
    """A Model of the configuration by its name, or the vendor's id of one, with the provider beside it."""
    value = fields.take("model")
    model = (
        str(value.get("name") or value.get("base_model") or "")
        if isinstance(value, dict)
        else str(value or "")
    )
    vendor = fields.text("provider")
    if not model:
        context.report.fault(fields.place("model"), "is missing")
        return {}
    if (found := context.models.of(model)) is not None:
        return {"modelRef": {"name": found}}
    provider = ensure(context, vendor) if vendor else context.providers.only()
    if provider is None and (elsewhere := context.elsewhere(fields.place("model"), "Model", model)):
        return {"modelRef": {"name": elsewhere}}
    if provider is None:
        why = f"there is no provider called {vendor}" if vendor else f"there is no model called {model}"
        context.report.fault(fields.place("model"), why)
        return {}
    return {"model": {"providerRef": {"name": provider}, "name": model}}


def _tools(context: Context, fields: Fields) -> list[dict[str, Any]]:
    uses = []
    for index, value in enumerate(fields.values("tools")):
        text = str(value.get("tool_id", "")) if isinstance(value, dict) else str(value)
        found = context.tools.of(text) or context.tool_ids.get(text)
        if found is None:
            found = valid(text)
            place = f"{fields.place('tools')}[{index}]"
            if not found:
                context.report.fault(place, "names no tool")
                continue
            context.report.note("todo", place, f"make the Tool {found}: there is none called {text} in here")
        uses.append({"toolRef": {"name": found}})
    return uses


def _knowledge(context: Context, fields: Fields) -> tuple[list[dict[str, Any]], int | None]:
    """Documents by their address. The other forms named stores of vectors that nothing ever read."""
    sources: list[dict[str, Any]] = []
    top_k = None
    for index, value in enumerate(fields.values("rag")):
        place = f"{fields.place('rag')}[{index}]"
        url = value if isinstance(value, str) else value.get("url") if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(value.get("top_k"), int):
            top_k = value["top_k"]
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            named = isinstance(value, dict) and re.fullmatch(NAME, str(value.get("name", "")))
            name = named[0] if named else f"source-{index + 1}"
            sources.append({"name": name, "type": "URL", "url": url})
        else:
            context.report.note("dropped", place, "it names no document: see spec.rag of the Agent")
    return sources, top_k


def _instance(context: Context, fields: Fields) -> str | None:
    identifier, title = fields.text("agent_id"), fields.text("title")
    agent = context.agent_ids.get(identifier) or context.agents.of(identifier)
    agent = agent or context.elsewhere(fields.place("agent_id"), "Agent", identifier)
    wanted = fields.text("id")
    fields.drop("chat_history", "conversations cannot be taken along")
    fields.finish()
    if agent is None:
        why = f"there is no agent with the id {identifier}" if identifier else "is missing"
        context.report.fault(fields.place("agent_id"), why)
        return None
    _add_instance(context, title or agent, agent, title, wanted)
    return agent


def _add_instance(context: Context, text: str, agent: str, title: str, wanted: str = "") -> None:
    name = context.instances.make(text, wanted)
    context.add("Instance", name, {"agentRef": {"name": agent}, "title": title if title != name else None})
