"""The five kinds: their names, their columns in `kubectl get`, and how a plain dictionary becomes a spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from gagarin.api.agent import AgentSpec
from gagarin.api.fields import NAME
from gagarin.api.instance import InstanceSpec
from gagarin.api.model import ModelSpec
from gagarin.api.provider import ProviderSpec
from gagarin.api.schema import Schema
from gagarin.api.status import AgentStatus, InstanceStatus, Status
from gagarin.api.tool import ToolSpec

GROUP = "gagarin.fyodorov.ai"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
NAME_RULE = "a name must begin with a letter, be made of a-z, 0-9 and -, and have at most 52 characters"


class SpecError(ValueError):
    """A spec that breaks its schema. `faults` are sentences, each beginning with the path of the field."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; those of priority 1 only with `-o wide`."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "date"] = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource."""

    name: str
    plural: str
    short_name: str
    description: str
    spec: type[Schema]
    columns: tuple[Column, ...]
    status: type[Status] = Status
    scalable: bool = False


_READY = (
    Column("Ready", ".status.conditions[?(@.type=='Ready')].status", "Whether it can be used."),
    Column("Reason", ".status.conditions[?(@.type=='Ready')].reason", "Why it is ready or not."),
)
_AGE = Column("Age", ".metadata.creationTimestamp", "When it was created.", "date")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="Provider",
            plural="providers",
            short_name="gp",
            description="Where models are served, and with which key.",
            spec=ProviderSpec,
            columns=(
                *_READY,
                Column("Type", ".spec.type", "The vendor."),
                Column("URL", ".spec.url", "Base address, where it is not the vendor's own.", priority=1),
                _AGE,
            ),
        ),
        Kind(
            name="Model",
            plural="models",
            short_name="gm",
            description="A shared, named choice of a provider's model with its parameters.",
            spec=ModelSpec,
            columns=(
                *_READY,
                Column("Provider", ".spec.providerRef.name", "The Provider that serves it."),
                Column("Model", ".spec.model", "The vendor's id of the model."),
                Column("Mode", ".spec.mode", "What the model is for.", priority=1),
                _AGE,
            ),
        ),
        Kind(
            name="Tool",
            plural="tools",
            short_name="gt",
            description="Something a model may call.",
            spec=ToolSpec,
            columns=(*_READY, Column("Type", ".spec.type", "The way it is called."), _AGE),
        ),
        Kind(
            name="Agent",
            plural="agents",
            short_name="ga",
            description="A prompt, a model, and what the model may use.",
            spec=AgentSpec,
            status=AgentStatus,
            columns=(
                *_READY,
                Column("Model", ".status.model", "The model it came to."),
                Column("Display name", ".spec.displayName", "Name shown to people.", priority=1),
                _AGE,
            ),
        ),
        Kind(
            name="Instance",
            plural="instances",
            short_name="gi",
            description="An Agent that runs, as chat-server pods behind a Service of the Instance's name.",
            spec=InstanceSpec,
            status=InstanceStatus,
            scalable=True,
            columns=(
                *_READY,
                Column("Agent", ".spec.agentRef.name", "The Agent that runs."),
                Column("Model", ".status.model", "The model that is asked."),
                Column("History", ".spec.history.type", "Where conversations are kept."),
                Column("Replicas", ".status.replicas", "Number of pods.", "integer"),
                Column("URL", ".status.url", "Where it is reached inside the cluster.", priority=1),
                Column("Serving", ".status.servingRevision", "The revision that answers now.", priority=1),
                _AGE,
            ),
        ),
    )
}


def parse(item: Mapping[str, Any], *, unknown: Literal["ignore", "forbid"] = "ignore") -> Schema:
    """The typed spec of an object of one of the five kinds. Raises `SpecError` with every fault found.

    The API server has checked the same before; files have not been checked by anyone.
    """
    name = item["metadata"]["name"]
    faults = [] if re.fullmatch(NAME, name) else [f"metadata.name: {NAME_RULE}"]
    try:
        spec = KINDS[item["kind"]].spec.model_validate(item.get("spec") or {}, extra=unknown)
    except ValidationError as error:
        faults += [_sentence(each["loc"], each["msg"]) for each in error.errors(include_url=False)]
        raise SpecError(faults) from None
    if faults:
        raise SpecError(faults)
    return spec


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"spec{path}: {message[:1].lower()}{message[1:]}"
