"""Spans belong together, carry no contents, and without tracing the caller's context is passed on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gagarin.core.config import Auth, Config, ModelTarget, Provider
from gagarin.server.telemetry import Telemetry
from gagarin.server.tracing import PASS_ON, context_of, tracing_of
from gagarin.serving.errors import StartError

PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1"}
TARGET = ModelTarget(provider=Provider(name="p", namespace="n", type="OpenAI", url="http://x"), model="small")
CONFIG = Config(
    schema_version=1,
    name="bot",
    namespace="team-a",
    revision="r",
    prompt="",
    model=TARGET,
    auth=Auth(audiences=()),
)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def telemetry(exporter: InMemorySpanExporter) -> Iterator[Telemetry]:
    made = Telemetry(CONFIG, exporter)
    yield made
    made.close()


def finished(telemetry: Telemetry, exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    telemetry.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_calls_belong_to_their_request_and_the_request_to_its_caller(
    telemetry: Telemetry, exporter: InMemorySpanExporter
) -> None:
    with telemetry.request("POST", PARENT) as request:
        model = telemetry.model_call("Azure", "small")
        told = model.headers()
        model.set(gen_ai__usage__input_tokens=3, gen_ai__usage__output_tokens=None)
        model.end()
        telemetry.tool_call("weather").end()
        request.set(name="POST /chat", http__route="/chat", http__response__status_code=200)
    spans = finished(telemetry, exporter)
    server, call = spans["POST /chat"], spans["chat small"]
    assert server.parent is not None
    assert f"{server.parent.trace_id:032x}" in PARENT["traceparent"]
    assert (server.kind, call.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert call.parent == spans["execute_tool weather"].parent == server.context
    assert told["traceparent"].split("-")[2] == f"{call.context.span_id:016x}"
    assert dict(call.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "small",
        "gen_ai.usage.input_tokens": 3,
    }
    assert server.resource.attributes["service.instance.id"] == "team-a/bot"


def test_a_failure_is_told_by_its_kind(telemetry: Telemetry, exporter: InMemorySpanExporter) -> None:
    span = telemetry.tool_call("weather")
    span.fail("timeout")
    span.end()
    failed = finished(telemetry, exporter)["execute_tool weather"]
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
        assert PASS_ON.model_call("OpenAI", "small").headers() == PARENT
        assert PASS_ON.tool_call("weather").headers() == span.headers() == PARENT
        span.set(a=1)
        span.fail("x")
        span.end()
    assert PASS_ON.model_call("OpenAI", "small").headers() == {}
    PASS_ON.close()


def test_baggage_and_what_is_too_long_are_not_passed_on() -> None:
    assert context_of({"baggage": "user=7", "tracestate": "a" * 9000, "traceparent": "x"}) == {
        "traceparent": "x"
    }


@pytest.mark.parametrize(
    "environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}]
)
def test_tracing_is_off_unless_an_endpoint_is_named(environment: dict[str, str]) -> None:
    assert tracing_of(CONFIG, environment) is PASS_ON


def test_an_endpoint_turns_it_on() -> None:
    made = tracing_of(CONFIG, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"})
    assert isinstance(made, Telemetry)
    made.close()


def test_an_endpoint_without_the_packages_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gagarin.server.telemetry", None)
    with pytest.raises(StartError, match=r"gagarin\[tracing\] is not installed"):
        tracing_of(CONFIG, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
