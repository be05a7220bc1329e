"""What the API describes and this version does not do yet: asking for it is refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gagarin.api.agent import AgentSpec
from gagarin.api.instance import InstanceSpec

_INSTANCE: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("spec.autoscaling", lambda spec: spec.autoscaling is not None),
    ("spec.networkPolicy", lambda spec: spec.network_policy is not None),
    ("spec.tls", lambda spec: spec.tls is not None),
    ("spec.history.type Persistent", lambda spec: spec.history.type == "Persistent"),
    ("spec.history.type Postgres", lambda spec: spec.history.type == "Postgres"),
    ("spec.limits.requestsPerMinute", lambda spec: spec.limits.requests_per_minute is not None),
    ("spec.limits.tokensPerDay", lambda spec: spec.limits.tokens_per_day is not None),
    ("spec.auth.verification TokenReview", lambda spec: spec.auth.verification == "TokenReview"),
)
_AGENT: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("spec.tools", lambda spec: bool(spec.tools)),
    ("spec.rag", lambda spec: bool(spec.rag)),
    ("spec.retrieval", lambda spec: spec.retrieval is not None),
)


def unavailable(spec: InstanceSpec | AgentSpec) -> list[str]:
    """The fields (with the value, where only that is meant) that running this spec would need."""
    table = _INSTANCE if isinstance(spec, InstanceSpec) else _AGENT
    return [field for field, asks in table if asks(spec)]
