"""The chat server's spans: who it is, and what is said of the models and tools that it calls.

Names and attributes are OpenTelemetry's for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/).
"""

from __future__ import annotations

from gagarin.core.config import Config
from gagarin.serving.tracing import Service, Span, Tracing

# OpenTelemetry's names of the vendors, where it has one of its own.
_VENDORS = {
    "OpenAI": "openai",
    "Azure": "azure.ai.openai",
    "Anthropic": "anthropic",
    "Google": "gcp.gemini",
    "Mistral": "mistral_ai",
}


def service_of(config: Config) -> Service:
    """The chat server of an Instance."""
    resource = {
        "service.namespace": config.namespace,
        "service.instance.id": f"{config.namespace}/{config.name}",
        "k8s.namespace.name": config.namespace,
    }
    return Service("gagarin-chat-server", resource, {"gen_ai.agent.name": config.name})


def model_call(tracing: Tracing, vendor: str, model: str) -> Span:
    """A client span called `chat MODEL`."""
    return tracing.call(
        f"chat {model}",
        gen_ai__operation__name="chat",
        gen_ai__provider__name=_VENDORS.get(vendor, vendor.lower()),
        gen_ai__request__model=model,
    )


def tool_call(tracing: Tracing, name: str) -> Span:
    """A client span called `execute_tool NAME`."""
    return tracing.call(
        f"execute_tool {name}", gen_ai__operation__name="execute_tool", gen_ai__tool__name=name
    )
