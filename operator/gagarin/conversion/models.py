"""Models: fields stand at the top (as its server had them) or in `model_info` (as its command line did)."""

from __future__ import annotations

import re
from typing import Any

from gagarin.conversion.context import Context
from gagarin.conversion.providers import ensure
from gagarin.conversion.shapes import Fields

MODES = {"": "Chat", "chat": "Chat", "embedding": "Embedding", "multimodal": "Chat"}
_TYPED = {
    "temperature": "temperature",
    "top_p": "topP",
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "seed": "seed",
    "stop": "stop",
}
_OURS = ("model", "messages", "stream", "tools")


def convert_models(context: Context, fields: Fields) -> None:
    """The section `models`."""
    for model in fields.items("models"):
        _convert(context, model)


def _convert(context: Context, fields: Fields) -> None:
    name = fields.text("name")
    if not name:
        context.report.fault(fields.place("name"), "is missing")
        return
    if name in context.models:
        context.report.fault(fields.place("name"), f"there is another model called {name}")
        return
    info = fields.inner("model_info")
    base = info.text("base_model") or fields.text("base_model") or name
    vendor = fields.text("provider")
    provider = _provider(context, fields, vendor)
    context.add(
        "Model",
        context.models.make(name, fields.text("id")),
        {
            "providerRef": {"name": provider},
            "model": _id(base, vendor),
            "params": _params(context, fields),
            "mode": _mode(context, fields, info),
            "contextWindow": _window(context, fields, info),
            "cost": _cost(fields, info),
        },
    )
    fields.take("provider_id")
    info.finish()
    fields.finish()


def _provider(context: Context, fields: Fields, vendor: str) -> str:
    found = ensure(context, vendor) if vendor else None
    if found is None:
        why = f"there is no provider called {vendor}" if vendor else "is missing"
        context.report.fault(fields.place("provider"), why)
    return found or "missing"


def _id(model: str, vendor: str) -> str:
    """The vendor's own id. LiteLLM's begin with the vendor; OpenRouter's own begin with one, too."""
    if vendor.lower() == "openrouter":
        return model.removeprefix("openrouter/")
    return re.sub(r"^(openai|azure|anthropic|gemini|google|mistral|ollama|ollama_chat)/", "", model)


def _mode(context: Context, fields: Fields, info: Fields) -> str:
    mode = (info.text("mode") or fields.text("mode")).lower()
    if mode not in MODES:
        context.report.fault(fields.place("mode"), "is none of chat, embedding, multimodal")
    if mode == "multimodal":
        context.report.note("changed", fields.place("mode"), "Chat: images are not taken")
    return MODES.get(mode, "Chat")


def _window(context: Context, fields: Fields, info: Fields) -> int | None:
    most = info.whole("max_tokens") or fields.whole("max_tokens")
    if most:
        told = "kept as contextWindow; it was never used (a bound for the answer is params.maxTokens)"
        context.report.note("changed", fields.place("max_tokens"), told)
    return most


def _cost(fields: Fields, info: Fields) -> dict[str, str] | None:
    cost = {}
    for kind in ("input", "output"):
        name = f"{kind}_cost_per_token"
        nested, top = info.decimal(name), fields.decimal(name)
        if (value := nested or top) is not None:
            cost[f"{kind}PerToken"] = value
    return cost or None


def _params(context: Context, fields: Fields) -> dict[str, Any]:
    place, given = fields.place("params"), fields.take("params") or {}
    if not isinstance(given, dict):
        context.report.fault(place, "must be a mapping")
        return {}
    params: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in given.items():
        if name in _OURS:
            context.report.note("dropped", f"{place}.{name}", "the chat server sets it")
        elif name in _TYPED:
            params[_TYPED[name]] = [value] if name == "stop" and isinstance(value, str) else value
        elif value is not None:
            extra[str(name)] = value
    for number in ("temperature", "topP"):
        if isinstance(params.get(number), int):
            params[number] = float(params[number])
    return {**params, **({"extraParams": extra} if extra else {})}
