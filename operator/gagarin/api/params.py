"""How a model is asked: the parameters that vendors have in common, and a free map for the rest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, StrictFloat, StrictInt
from pydantic_core import CoreSchema

from gagarin.api.fields import JsonObject, ModelName
from gagarin.api.references import Ref
from gagarin.api.schema import Schema

Stop = Annotated[str, Field(min_length=1, max_length=256)]


class Params(Schema):
    """Parameters of a request to a model. What is not set is left to the vendor."""

    temperature: StrictFloat | None = Field(default=None, ge=0, le=2)
    """Randomness of the answer: 0 is the most predictable."""
    top_p: StrictFloat | None = Field(default=None, ge=0, le=1)
    """Only the likeliest tokens that make up this share of the probability are considered."""
    max_tokens: StrictInt | None = Field(default=None, ge=1, le=10_000_000)
    """The longest answer, in tokens. Sent under the name that the provider understands."""
    seed: StrictInt | None = Field(default=None, ge=-(2**53), le=2**53)
    """For answers that can be repeated, as far as the vendor supports it."""
    stop: tuple[Stop, ...] | None = Field(default=None, min_length=1, max_length=4)
    """Texts at which the answer ends."""
    reasoning_effort: Literal["None", "Minimal", "Low", "Medium", "High", "XHigh"] | None = None
    """How much a reasoning model thinks before it answers. Which values a model takes, its vendor says."""
    extra_params: JsonObject | None = None
    """Further fields of the request body, by the vendor's own names. They are sent as they are; `model`,
    `messages`, `stream` and `tools` are refused, because the chat server sets them."""


class ModelChoice(Schema):
    """A model named in place, without a Model resource."""

    provider_ref: Ref
    """The Provider that serves the model."""
    name: ModelName
    """The vendor's id of the model."""
    params: Params | None = None
    """How the model is asked."""


class ParamsPatch(Params):
    """Parameters that replace those of the agent's model one by one; null takes one away."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = super().__get_pydantic_json_schema__(schema, handler)
        for field in described["properties"].values():
            field["nullable"] = True
            for choice in field.get("anyOf", ()):
                if "enum" in choice:  # the API server takes null for a pattern, but never for an enum
                    choice["pattern"] = f"^({'|'.join(choice.pop('enum'))})$"
        return described
