"""Which collector gets the spans, by OpenTelemetry's own environment variables; none by default."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gagarin.serving.errors import StartError
from gagarin.serving.tracing import PASS_ON, Service, Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def tracing_of(service: Service, environment: Mapping[str, str] = os.environ) -> Tracing:
    """Tracing to the endpoint that OpenTelemetry's environment variables name, if they name one. Raises
    `StartError` where the packages for it are missing."""
    is_wanted = any(environment.get(name) for name in ENDPOINTS)
    if not is_wanted or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return PASS_ON
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from gagarin.serving.telemetry import Telemetry
    except ImportError as error:
        raise StartError(
            f"an OTLP endpoint is set, and gagarin[tracing] is not installed: {error}"
        ) from error
    return Telemetry(service, OTLPSpanExporter())
