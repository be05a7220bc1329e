"""Spans are sent where OpenTelemetry's variables say so, and else nowhere."""

from __future__ import annotations

import pytest

from gagarin.serving.collector import tracing_of
from gagarin.serving.errors import StartError
from gagarin.serving.telemetry import Telemetry
from gagarin.serving.tracing import PASS_ON, Service

SERVICE = Service("a-service")


@pytest.mark.parametrize(
    "environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}]
)
def test_tracing_is_off_unless_an_endpoint_is_named(environment: dict[str, str]) -> None:
    assert tracing_of(SERVICE, environment) is PASS_ON


def test_an_endpoint_turns_it_on() -> None:
    made = tracing_of(SERVICE, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"})
    assert isinstance(made, Telemetry)
    made.close()


def test_an_endpoint_without_the_packages_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gagarin.serving.telemetry", None)
    with pytest.raises(StartError, match=r"gagarin\[tracing\] is not installed"):
        tracing_of(SERVICE, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
