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

from gagarin.serving.tracing import Service, Span, context_of


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

    def __init__(self, service: Service, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": service.name, **service.resource})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("gagarin")
        self._attributes = service.attributes

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """The server's span, as a child of the caller's. Its name gets the route once that is known."""
        parent: Context = propagate.extract(context_of(headers), Context())
        attributes = {"http.request.method": method, **self._attributes}
        with self._tracer.start_as_current_span(
            method, parent, SpanKind.SERVER, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Span(span)

    def call(self, name: str, **attributes: Any) -> Span:
        """A client span."""
        span = _Span(self._tracer.start_span(name, kind=SpanKind.CLIENT))
        span.set(**attributes)
        return span

    def close(self) -> None:
        """Send what is left, for at most the SDK's own time limit."""
        self._provider.shutdown()
