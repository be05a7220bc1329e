"""Provider: where models are served, and with which key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from gagarin.api.fields import Duration, ModelName, Url
from gagarin.api.references import AllowedNamespaces, SecretValue, Tls
from gagarin.api.schema import Rule, Schema, as_set, exactly_one, keyed_by

ProviderType = Literal[
    "OpenAI", "Azure", "Anthropic", "Google", "Mistral", "Ollama", "OpenRouter", "OpenAICompatible"
]
# Set by the HTTP client itself; sent twice they would break the request.
FRAMING_HEADERS = (
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "accept-encoding",
)


def _is_credential(name: str) -> bool:
    return name.lower() in ("authorization", "cookie") or "api-key" in name.lower()


class Header(Schema):
    """An extra header of every request."""

    name: Annotated[str, Field(max_length=128, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    """Name of the header."""
    value: Annotated[str, Field(max_length=4096, pattern=r"^[\t\x20-\x7e]*$")] | None = None
    """Its value, for what is not secret."""
    value_from: SecretValue | None = None
    """Where its value is kept, for what is secret."""

    rules = (
        exactly_one("value", "valueFrom"),
        Rule(
            cel="has(self.valueFrom) || !(self.name.lowerAscii() in ['authorization', 'cookie'] "
            "|| self.name.lowerAscii().contains('api-key'))",
            message="a header that carries a credential takes its value from a Secret: use valueFrom",
            holds=lambda part: part.value_from is not None or not _is_credential(part.name),
        ),
        Rule(
            cel=f"!(self.name.lowerAscii() in {list(FRAMING_HEADERS)})",
            message="this header is set by the HTTP client itself",
            holds=lambda part: part.name.lower() not in FRAMING_HEADERS,
        ),
    )


class Timeouts(Schema):
    """How long to wait for a provider."""

    connect: Annotated[str, Duration("100ms", "1m")] = "5s"
    """Until the connection stands."""
    first_token: Annotated[str, Duration("1s", "1h")] = "60s"  # noqa: S105 (a time, not a secret)
    """From the request to the first piece of the answer."""
    between_tokens: Annotated[str, Duration("1s", "1h")] = "30s"
    """From one piece of the answer to the next."""
    total: Annotated[str, Duration("1s", "1h")] = "300s"
    """For the whole answer."""


class ProviderSpec(Schema):
    """Where models are served and how to talk to them. Whoever may create a Provider can send any Secret of
    the namespace to any address."""

    type: ProviderType
    """The vendor, which decides the address, the way the key is sent and what is supported.
    OpenAICompatible is for everything else that speaks the OpenAI protocol."""
    url: Url | None = None
    """Base address of the OpenAI-compatible API, usually ending in /v1. Required for Azure (the resource's v1
    endpoint) and OpenAICompatible; the other types know theirs."""
    api_key: SecretValue | None = None
    """The key, always from a Secret. A new value is used within seconds, without a restart."""
    headers: tuple[Header, ...] = Field(default=(), max_length=32, json_schema_extra=keyed_by("name"))
    """Extra headers of every request."""
    tls: Tls | None = None
    """How the server is verified."""
    models: tuple[ModelName, ...] = Field(default=(), max_length=256, json_schema_extra=as_set())
    """The vendor's ids of the models that may be used. Empty: all."""
    timeouts: Timeouts = Timeouts()
    """How long to wait."""
    retries: StrictInt = Field(default=2, ge=0, le=10)
    """How often a request is repeated that failed before the first token."""
    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()
    """The namespaces whose Instances may use this Provider."""

    rules = (
        Rule(
            cel="has(self.url) || !(self.type in ['Azure', 'OpenAICompatible'])",
            message="url is required when type is Azure or OpenAICompatible",
            holds=lambda part: part.url is not None or part.type not in ("Azure", "OpenAICompatible"),
        ),
    )
