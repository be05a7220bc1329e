"""Spans sent to an OpenTelemetry collector, by the official SDK.

It is imported only where an endpoint is set: it costs a quarter of a second and some megabytes. Everything
else is set by OpenTelemetry's own environment variables (sampling, headers, limits, certificates).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from gagarin.core.config import Config
from gagarin.server.tracing import Span, context_of

SERVICE = "gagarin-chat-server"
# OpenTelemetry's names of the vendors, where it has one of its own.
_VENDORS = {
    "OpenAI": "openai",
    "Azure": "azure.ai.openai",
    "Anthropic": "anthropic",
    "Google": "gcp.gemini",
    "Mistral": "mistral_ai",
}


class _Span:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Any) -> None:
        """Say more about it."""
        for name, value in attributes.items():
            if name == "name":
                self._span.update_name(value)
            elif value is not None:
                self._span.set_attribute(name.replace("__", "."), value)

    def fail(self, kind: str) -> None:
        """It failed."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def headers(self) -> Mapping[str, str]:
        """The W3C context of this span."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        return carrier

    def end(self) -> None:
        """It is over."""
        self._span.end()


class Telemetry:
    """Implements `tracing.Tracing`."""

    def __init__(self, config: Config, exporter: SpanExporter) -> None:
        resource = Resource.create(
            {
                "service.name": SERVICE,
                "service.namespace": config.namespace,
                "service.instance.id": f"{config.namespace}/{config.name}",
                "k8s.namespace.name": config.namespace,
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("gagarin")
        self._agent = {"gen_ai.agent.name": config.name}

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """The server's span, as a child of the caller's. Its name gets the route once that is known."""
        parent: Context = propagate.extract(context_of(headers), Context())
        attributes = {"http.request.method": method, **self._agent}
        with self._tracer.start_as_current_span(
            method, parent, SpanKind.SERVER, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Span(span)

    def model_call(self, vendor: str, model: str) -> Span:
        """A client span called `chat MODEL`."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _VENDORS.get(vendor, vendor.lower()),
            "gen_ai.request.model": model,
        }
        return _Span(self._tracer.start_span(f"chat {model}", kind=SpanKind.CLIENT, attributes=attributes))

    def tool_call(self, name: str) -> Span:
        """A span called `execute_tool NAME`."""
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        return _Span(
            self._tracer.start_span(f"execute_tool {name}", kind=SpanKind.CLIENT, attributes=attributes)
        )

    def close(self) -> None:
        """Send what is left, for at most the SDK's own time limit."""
        self._provider.shutdown()
