"""The status that the operator writes: conditions, and for an Instance what is running."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from gagarin.api.schema import Schema, keyed_by

Text = Annotated[str, Field(max_length=512)]


class Condition(Schema):
    """One aspect of the state, as metav1.Condition has it."""

    type: Annotated[str, Field(max_length=316)]
    """Name of the aspect."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: StrictInt | None = Field(default=None, ge=0)
    """The generation of the resource that this was said of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status last changed."""
    reason: Annotated[
        str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """Why, in one word that programs can rely on."""
    message: Annotated[str, Field(max_length=32_768)]
    """Why, in a sentence for people."""


class Status(Schema):
    """What the operator found."""

    observed_generation: StrictInt = -1
    """The generation of the resource that the status is about; -1 until it was looked at."""
    conditions: tuple[Condition, ...] = Field(default=(), max_length=16, json_schema_extra=keyed_by("type"))
    """Accepted: the spec makes sense. ResolvedRefs: everything it refers to is there and may be used.
    Ready: it can be used. Reconciling and Stalled are there only while they are true."""


class AgentStatus(Status):
    """What the operator found."""

    model: Text | None = None
    """The model it came to, as PROVIDER/ID."""


class InstanceStatus(Status):
    """What the operator found and what is running."""

    url: Text | None = None
    """Where the Instance is reached inside the cluster."""
    replicas: StrictInt | None = Field(default=None, ge=0)
    """Number of pods."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the pods, for autoscalers."""
    model: Text | None = None
    """The model that is asked, as PROVIDER/ID."""
    revision: Text | None = None
    """The newest revision: a digest of the configuration and the pod template."""
    serving_revision: Text | None = None
    """The revision that answers now."""
