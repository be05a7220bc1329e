"""Traces through the gateway: the pod works for the caller's span, or for the gateway's own."""

from __future__ import annotations

import aiohttp
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gagarin.gateway.spans import SERVICE
from gagarin.serving.telemetry import Telemetry
from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving, Start
from tests.unit.gateway.pod import Pod

CHAT = "/instances/helper/chat"
PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1"}


@pytest.fixture(autouse=True)
def _helper(api: ApiServer) -> None:
    api.put("Instance", "helper", {"agentRef": {"name": "helper"}})


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def traced(start: Start, exporter: InMemorySpanExporter) -> Serving:
    """A gateway with tracing."""
    return await start(tracing=Telemetry(SERVICE, exporter))


def spans(serving: Serving, exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """All spans by their names; there are no more after that."""
    serving.tracing.close()
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_without_tracing_the_callers_context_reaches_the_pod_as_it_is(
    gateway: Serving, pod: Pod
) -> None:
    await gateway.call("POST", CHAT, {"input": "Hi"}, headers={**PARENT, "baggage": "user=7"})
    headers = pod.asked[0].headers
    assert {name: headers[name] for name in PARENT} == PARENT
    assert "baggage" not in headers


async def test_the_pods_span_belongs_to_the_gateways_and_that_to_the_callers(
    traced: Serving, pod: Pod, exporter: InMemorySpanExporter
) -> None:
    assert (await traced.call("POST", CHAT, {"input": "my secret"}, headers=PARENT))[0] == 200
    found = spans(traced, exporter)
    server, call = found["POST /instances/{id}/chat"], found["POST"]
    assert server.parent is not None
    assert f"{server.parent.trace_id:032x}" in PARENT["traceparent"]
    assert call.parent == server.context
    assert pod.asked[0].headers["traceparent"].split("-")[2] == f"{call.context.span_id:016x}"
    assert (call.attributes or {})["gen_ai.agent.name"] == "helper"
    assert (server.attributes or {})["http.response.status_code"] == 200
    assert not any(word in str(found.values()) for word in ("alice", "my secret"))


async def test_what_goes_wrong_is_told_by_its_kind(
    traced: Serving, pod: Pod, exporter: InMemorySpanExporter
) -> None:
    await pod.stop()
    assert (await traced.call("POST", CHAT, {"input": "Hi"}))[0] == 503
    found = spans(traced, exporter)
    assert (found["POST"].attributes or {})["error.type"] == "instance-unreachable"
    assert (found["POST /instances/{id}/chat"].attributes or {})["error.type"] == "instance-unreachable"


async def test_a_socket_is_one_span(
    traced: Serving, http: aiohttp.ClientSession, exporter: InMemorySpanExporter
) -> None:
    bearer = {"Authorization": "Bearer alice"}
    async with http.ws_connect(f"{traced.url}/instances/helper/ws", headers=bearer) as socket:
        await socket.send_str("Hi")
        await socket.receive()
    await traced.stop()
    found = spans(traced, exporter)
    assert found["GET"].parent == found["GET /instances/{id}/ws"].context
