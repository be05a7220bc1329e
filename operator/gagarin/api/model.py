"""Model: a shared, named choice of a provider's model with its parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from gagarin.api.fields import ModelName
from gagarin.api.params import Params
from gagarin.api.references import AllowedNamespaces, Ref
from gagarin.api.schema import Schema

Decimal = Annotated[str, Field(max_length=32, pattern=r"^[0-9]{1,9}(\.[0-9]{1,18})?$")]


class Cost(Schema):
    """What tokens cost, for the accounting. Decimals are strings, so that nothing is rounded."""

    input_per_token: Decimal | None = None
    """Price of one token of the request."""
    output_per_token: Decimal | None = None
    """Price of one token of the answer."""


class ModelSpec(Schema):
    """A named choice of a model that several Agents can share."""

    provider_ref: Ref
    """The Provider that serves the model."""
    model: ModelName
    """The vendor's id of the model."""
    params: Params | None = None
    """How the model is asked."""
    mode: Literal["Chat", "Embedding"] = "Chat"
    """What the model is for."""
    context_window: StrictInt | None = Field(default=None, ge=1, le=100_000_000)
    """How many tokens request and answer can have together."""
    cost: Cost | None = None
    """What tokens cost, for the accounting."""
    fallback_refs: tuple[Ref, ...] = Field(default=(), max_length=8)
    """Models to ask instead, in this order, when this one fails before its first token."""
    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()
    """The namespaces whose Instances may use this Model."""
