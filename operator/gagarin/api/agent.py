"""Agent: a prompt, a model, and what the model may use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from gagarin.api.fields import (
    DataKey,
    Duration,
    FunctionName,
    JsonObject,
    ObjectName,
    ResourceName,
    TimeZone,
    Url,
)
from gagarin.api.params import ModelChoice
from gagarin.api.references import AllowedNamespaces, ConfigMapValue, Ref
from gagarin.api.schema import Rule, Schema, as_set, exactly_one, keyed_by, union

PROMPT_BYTES = 262_144


class ToolUse(Schema):
    """A Tool that the model may call."""

    tool_ref: Ref
    """The Tool."""
    allowed_functions: tuple[FunctionName, ...] = Field(
        default=(), max_length=128, json_schema_extra=as_set()
    )
    """The functions that this agent may call, of those that the Tool allows. Empty: all of them."""


class ConfigMapSource(Schema):
    """Texts kept in a ConfigMap of the same namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    keys: tuple[DataKey, ...] = Field(default=(), max_length=64, json_schema_extra=as_set())
    """The keys to read. Empty: all."""


class RagSource(Schema):
    """Knowledge that fitting passages are taken from for each question."""

    name: ResourceName
    """Name of the source, as it appears beside an answer that used it."""
    type: Literal["URL", "ConfigMap"]
    """Where the texts are."""
    url: Url | None = None
    """Address of the document, when type is URL."""
    refresh_interval: Annotated[str, Duration("1m", "168h")] | None = None
    """How often the document is fetched again, when type is URL: 1h unless set. A changed ConfigMap is read
    again at once."""
    config_map: ConfigMapSource | None = None
    """The ConfigMap, when type is ConfigMap."""

    rules = (
        *union("type", {"URL": "url", "ConfigMap": "configMap"}),
        *union("type", {"URL": "refreshInterval"}, optional=("refreshInterval",)),
    )


class Retrieval(Schema):
    """How passages are found."""

    embedding_model_ref: Ref | None = None
    """A Model of mode Embedding, to find passages by meaning. Without it they are found by their words."""
    top_k: StrictInt = Field(default=4, ge=1, le=50)
    """How many passages go with a question."""


class AgentLimits(Schema):
    """Bounds of one chat."""

    max_tool_rounds: StrictInt = Field(default=8, ge=0, le=64)
    """How many times in one answer the model may call tools and see their results."""
    max_history_messages: StrictInt = Field(default=100, ge=0, le=10_000)
    """How many earlier messages of the conversation the model sees."""
    max_input_chars: StrictInt = Field(default=32_768, ge=1, le=1_048_576)
    """The longest message taken, in characters."""
    request_timeout: Annotated[str, Duration("1s", "1h")] = "300s"
    """How long a whole answer may take, tool calls included."""


class AgentSpec(Schema):
    """What an agent is: its prompt, its model and what the model may use. An Instance makes it run."""

    display_name: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Name shown to people."""
    description: Annotated[str, Field(max_length=1000)] = ""
    """What the agent is for, for people and for other agents that use it as a tool."""
    prompt: Annotated[str, Field(min_length=1, max_length=PROMPT_BYTES)] | None = None
    """The system prompt, up to 262,144 bytes."""
    prompt_from: ConfigMapValue | None = None
    """Where the system prompt is kept instead."""
    model_ref: Ref | None = None
    """A Model resource."""
    model: ModelChoice | None = None
    """Or a model named in place."""
    tools: tuple[ToolUse, ...] = Field(default=(), max_length=64)
    """What the model may call."""
    rag: tuple[RagSource, ...] = Field(default=(), max_length=32, json_schema_extra=keyed_by("name"))
    """Knowledge that fitting passages are taken from for each question."""
    retrieval: Retrieval | None = None
    """How passages are found."""
    response_schema: JsonObject | None = None
    """JSON Schema that every answer follows; the answer is then a JSON text."""
    time_zone: TimeZone = "UTC"
    """The time zone, such as Europe/Paris, of the date and time that the model is told."""
    limits: AgentLimits = AgentLimits()
    """Bounds of one chat."""
    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()
    """The namespaces whose Instances may use this Agent."""

    rules = (
        exactly_one("prompt", "promptFrom"),
        exactly_one("modelRef", "model"),
        Rule(
            cel=f"!has(self.prompt) || size(bytes(self.prompt)) <= {PROMPT_BYTES}",
            message=f"prompt must have at most {PROMPT_BYTES} bytes",
            holds=lambda part: part.prompt is None or len(part.prompt.encode()) <= PROMPT_BYTES,
        ),
    )
