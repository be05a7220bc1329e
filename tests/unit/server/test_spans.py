"""What the chat server's spans are called and what they say."""

from __future__ import annotations

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gagarin.core.config import Auth, Config, ModelTarget, Provider
from gagarin.server.spans import model_call, service_of, tool_call
from gagarin.serving.telemetry import Telemetry

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


def test_calls_of_models_and_tools_have_opentelemetrys_names() -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(service_of(CONFIG), exporter)
    with telemetry.request("POST", {}) as request:
        model = model_call(telemetry, "Azure", "small")
        model.set(gen_ai__usage__input_tokens=3, gen_ai__usage__output_tokens=None)
        model.end()
        tool_call(telemetry, "weather").end()
        request.set(name="POST /chat")
    telemetry.close()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert dict(spans["chat small"].attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "small",
        "gen_ai.usage.input_tokens": 3,
    }
    assert dict(spans["execute_tool weather"].attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
    }
    assert spans["execute_tool weather"].kind is SpanKind.CLIENT
    server = spans["POST /chat"]
    assert (server.attributes or {})["gen_ai.agent.name"] == "bot"
    assert server.resource.attributes["service.name"] == "gagarin-chat-server"
    assert server.resource.attributes["service.instance.id"] == "team-a/bot"
