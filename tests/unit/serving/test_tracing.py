"""Spans belong together, carry no contents, and without tracing the caller's context is passed on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gagarin.serving.telemetry import Telemetry
from gagarin.serving.tracing import PASS_ON, Service, context_of

PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1"}
SERVICE = Service("a-service", {"service.namespace": "team-a"}, {"of": "every request"})


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def telemetry(exporter: InMemorySpanExporter) -> Iterator[Telemetry]:
    made = Telemetry(SERVICE, exporter)
    yield made
    made.close()


def finished(telemetry: Telemetry, exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    telemetry.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_calls_belong_to_their_request_and_the_request_to_its_caller(
    telemetry: Telemetry, exporter: InMemorySpanExporter
) -> None:
    with telemetry.request("POST", PARENT) as request:
        call = telemetry.call("GET", server__address="a.example")
        told = call.headers()
        call.set(http__response__status_code=200, nothing=None)
        call.end()
        request.set(name="POST /chat", http__route="/chat", http__response__status_code=200)
    spans = finished(telemetry, exporter)
    server, client = spans["POST /chat"], spans["GET"]
    assert server.parent is not None
    assert f"{server.parent.trace_id:032x}" in PARENT["traceparent"]
    assert (server.kind, client.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert client.parent == server.context
    assert told["traceparent"].split("-")[2] == f"{client.context.span_id:016x}"
    assert dict(client.attributes or {}) == {"server.address": "a.example", "http.response.status_code": 200}
    assert (server.attributes or {})["of"] == "every request"
    assert server.resource.attributes["service.name"] == "a-service"
    assert server.resource.attributes["service.namespace"] == "team-a"


def test_a_failure_is_told_by_its_kind(telemetry: Telemetry, exporter: InMemorySpanExporter) -> None:
    span = telemetry.call("weather")
    span.fail("timeout")
    span.end()
    failed = finished(telemetry, exporter)["weather"]
    assert (failed.attributes or {})["error.type"] == "timeout"
    assert not failed.status.is_ok


def test_a_request_that_raises_tells_no_contents(
    telemetry: Telemetry, exporter: InMemorySpanExporter
) -> None:
    with pytest.raises(ValueError), telemetry.request("POST", {}):
        raise ValueError("a prompt")
    assert not finished(telemetry, exporter)["POST"].events


def test_without_tracing_the_context_is_passed_on_and_forgotten_afterwards() -> None:
    with PASS_ON.request("POST", {**PARENT, "Authorization": "Bearer x"}) as span:
        assert PASS_ON.call("GET").headers() == span.headers() == PARENT
        span.set(a=1)
        span.fail("x")
        span.end()
    assert PASS_ON.call("GET").headers() == {}
    PASS_ON.close()


def test_baggage_and_what_is_too_long_are_not_passed_on() -> None:
    assert context_of({"baggage": "user=7", "tracestate": "a" * 9000, "traceparent": "x"}) == {
        "traceparent": "x"
    }
