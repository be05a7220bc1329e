"""What stands behind the page in its tests: a gateway process between a real API server and a chat server
process with a tool, and Instances that are ready or not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from gagarin.core.config import HttpEndpoint, Tool, ToolFunction
from tests.integration.controlplane import ISSUER, ControlPlane
from tests.integration.gateway.test_gateway import (
    GROUP,
    IMPERSONATE,
    NAMESPACE,
    OWN_TOKEN,
    VIEWER,
    GatewayProcess,
    bound,
)
from tests.integration.server.serverprocess import ServerProcess
from tests.integration.server.test_real_api_server import CHAT, REVIEWS, made, role, token
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.issuer import Issuer
from tests.unit.server.listening import Listening
from tests.unit.server.tools.server import ToolServer
from tests.unit.server.upstream import Upstream

WEBFILES = Path(__file__).parents[2] / "operator/gagarin/gateway/webfiles"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHATTING = {**CHAT, "verbs": ["create", "get", "delete"]}
ODD = '<img src=x onerror="document.title=1"> & “Jürgen”'


class World(NamedTuple):
    """`chatter` may look and chat with the Instance helper, `viewer` only look, `nobody` nothing."""

    control_plane: ControlPlane
    gateway: GatewayProcess
    pod: ServerProcess
    upstream: Upstream
    tools: ToolServer
    tokens: dict[str, str]
    elsewhere: Elsewhere

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"{self.gateway.url}/web/"

    def link(self, who: str, **place: str) -> str:
        """What hands over somebody's token."""
        return f"{self.page}#{urlencode({'token': self.tokens[who], **place})}"


@asynccontextmanager
async def running(control_plane: ControlPlane, folder: Path) -> AsyncIterator[World]:
    """All of it. Pages of `elsewhere` may call the gateway; a stream outlives its connection only shortly."""
    made(control_plane, "/api/v1/namespaces", metadata={"name": NAMESPACE})
    tokens = _people(control_plane)
    _instances(control_plane)
    async with AsyncExitStack() as stack:
        upstream, tools, elsewhere = Upstream(), ToolServer(), Elsewhere()
        for server in (upstream, tools, elsewhere):
            await server.start()
            stack.push_async_callback(server.stop)
        pod = ServerProcess(folder, ApiServer(Issuer()), upstream, tools=(_weather(tools),))
        pod.own_token = token(control_plane, "helper-agent", ISSUER)
        stack.push_async_callback(pod.stop)
        real = ("--api-server", control_plane.server, "--api-ca-file", str(control_plane.ca_file))
        await pod.start(*real, "--resume-seconds", "0.5")
        gateway = GatewayProcess(control_plane, folder, pod.url)
        stack.push_async_callback(gateway.stop)
        await gateway.start("--cors-origins", elsewhere.url)
        yield World(control_plane, gateway, pod, upstream, tools, tokens, elsewhere)


class Elsewhere(Listening):
    """Somebody's own page, with the TypeScript SDK as npm builds it."""

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_static("/client", WEBFILES / "vendor" / "client")
        app.router.add_get("/", self._page)
        return app

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Elsewhere</title>", content_type="text/html")


def _people(control_plane: ControlPlane) -> dict[str, str]:
    role(control_plane, "helper-agent", REVIEWS)
    role(control_plane, "gagarin-gateway", OWN_TOKEN)
    bound(control_plane, "gagarin-gateway", "gagarin-gateway-chat", IMPERSONATE)
    tokens = {name: token(control_plane, name, ISSUER) for name in ("chatter", "viewer", "nobody")}
    for name, rules in {"chatter": [VIEWER, CHATTING], "viewer": [VIEWER]}.items():
        for index, rule in enumerate(rules):
            bound(control_plane, name, f"{name}-{index}", rule)
    return tokens


def _instances(control_plane: ControlPlane) -> None:
    missing = "Model gpt-large in namespace team-a does not exist"
    _instance(control_plane, "helper", "Support bot", "True", "Ready", "")
    _instance(control_plane, "research", "Research", "False", "ModelNotFound", missing)
    _instance(control_plane, "odd", ODD, None)


def _instance(
    control_plane: ControlPlane, name: str, title: str, ready: str | None, reason: str = "", message: str = ""
) -> None:
    item = {
        "apiVersion": "gagarin.fyodorov.ai/v1alpha1",
        "kind": "Instance",
        "metadata": {"name": name},
        "spec": {"agentRef": {"name": name}, "title": title},
    }
    made(control_plane, f"{GROUP}/instances", **item)
    if ready is not None:
        set_ready(control_plane, name, ready, reason, message)


def set_ready(control_plane: ControlPlane, name: str, ready: str, reason: str, message: str) -> None:
    """What the operator would say of an Instance."""
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    status = {"status": {"conditions": [condition]}}
    path = f"{GROUP}/instances/{name}/status"
    answer = control_plane.call("PATCH", path, status, "application/merge-patch+json")
    assert answer.status == 200, answer.message


def _weather(tools: ToolServer) -> Tool:
    functions = (ToolFunction(name="forecast", parameters=CITY),)
    endpoint = HttpEndpoint(url=f"{tools.url}/forecast", functions=functions)
    return Tool(name="weather", namespace=NAMESPACE, type="HTTP", description="The weather.", http=endpoint)
