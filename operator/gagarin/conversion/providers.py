"""Providers. The original allowed one for each vendor, and its name was the vendor."""

from __future__ import annotations

from urllib.parse import urlsplit

from gagarin.conversion.context import Context
from gagarin.conversion.shapes import Fields
from gagarin.core.vendors import VENDORS

TYPES = {
    "openai": "OpenAI",
    "azure": "Azure",
    "anthropic": "Anthropic",
    "google": "Google",
    "gemini": "Google",
    "mistral": "Mistral",
    "ollama": "Ollama",
    "openrouter": "OpenRouter",
}
KEY = "api-key"
_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1")  # noqa: S104  # addresses to recognise


def convert_providers(context: Context, fields: Fields) -> None:
    """The section `providers`."""
    for provider in fields.items("providers"):
        _convert(context, provider)


def ensure(context: Context, vendor: str) -> str | None:
    """The Provider for what a model or an agent calls its provider; made if it is a vendor that needs no more
    than its name."""
    known = context.providers.of(vendor.lower())
    if known is None and not context.complete:
        return context.elsewhere("providers", "Provider", vendor)
    kind = TYPES.get(vendor.lower())
    if known is not None or kind is None or VENDORS[kind].url is None:
        return known
    name = context.providers.make(vendor.lower())
    context.add("Provider", name, {"type": kind})
    if kind != "Ollama":
        context.report.note("todo", f"providers ({vendor})", f"give Provider {name} an apiKey")
    return name


def _convert(context: Context, fields: Fields) -> None:
    vendor = fields.first_text("name", "provider_name").lower()
    if not vendor:
        context.report.fault(fields.place("name"), "is missing")
        return
    if vendor in context.providers:
        context.report.fault(fields.place("name"), f"there is another provider called {vendor}")
        return
    name = context.providers.make(vendor, fields.text("id"))
    spec = {"type": fields.text("type") or TYPES.get(vendor, "OpenAICompatible")}
    if spec["type"] not in VENDORS:
        context.report.fault(fields.place("type"), f"is none of {', '.join(VENDORS)}")
        return
    context.add(
        "Provider",
        name,
        {
            **spec,
            "url": _url(context, fields, spec["type"]),
            "apiKey": context.key(fields, "api_key", f"{name}-key", KEY),
            "models": [str(each) for each in fields.values("models")],
        },
    )
    fields.drop("description", "providers have no description; use an annotation")
    fields.finish()


def _url(context: Context, fields: Fields, kind: str) -> str | None:
    """The address, where it is not the vendor's own."""
    url = fields.first_text("api_url", "url").rstrip("/")
    place, own = fields.place("api_url"), VENDORS[kind].url
    if not url:
        return None
    host = urlsplit(url).hostname
    if host in _LOCAL:
        told = f"a pod's {host} is the pod itself; " + (f"{own} is used" if own else "change it")
        context.report.note("todo", place, told)
        return None if own else url
    if own is None or host != urlsplit(own).hostname:
        return f"{url}/v1" if kind == "Ollama" and not urlsplit(url).path else url
    if url != own:
        context.report.note("changed", place, f"the vendor's OpenAI-compatible address is used: {own}")
    return None
