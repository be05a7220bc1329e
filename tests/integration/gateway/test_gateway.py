"""The gateway as a process between a real API server and a real chat server: Kubernetes' own tokens and
RBAC decide.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml

from tests.integration.controlplane import ISSUER, ControlPlane
from tests.integration.server.conftest import http, upstream
from tests.integration.server.serverprocess import ServerProcess
from tests.integration.server.test_real_api_server import CHAT, REVIEWS, made, role, token
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.certificates import self_signed
from tests.unit.server.issuer import Issuer
from tests.unit.server.upstream import Upstream
from tests.unit.server.waiting import until

__all__ = ["http", "upstream"]  # fixtures

NAMESPACE = "team-a"
GROUP = f"/apis/gagarin.fyodorov.ai/v1alpha1/namespaces/{NAMESPACE}"
KINDS = ["providers", "models", "tools", "agents", "instances"]
WRITE = ["get", "list", "create", "update", "patch", "delete"]
EDITOR = {"apiGroups": ["gagarin.fyodorov.ai"], "resources": KINDS, "verbs": WRITE}
VIEWER = {"apiGroups": ["gagarin.fyodorov.ai"], "resources": KINDS, "verbs": ["get", "list"]}
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch", "delete"]}
OWN_TOKEN = {
    "apiGroups": [""],
    "resources": ["serviceaccounts/token"],
    "resourceNames": ["gagarin-gateway"],
    "verbs": ["create"],
}
IMPERSONATE = {**CHAT, "verbs": ["impersonate"]}
CONFIGURATION = """
providers: [{name: openai, api_key: sk-secret}]
models: [{name: gpt, provider: openai, model_info: {base_model: gpt-4o}, max_tokens: 8000}]
tools:
- {name: Weather, handle: weather, api_url: "https://weather.example.com", auth_method: bearer,
   auth_info: {token: tool-secret}}
agents: [{name: Support Bot, model: gpt, prompt: Be kind., tools: [weather]}]
"""


class GatewayProcess:
    """One run of `python3 -m gagarin.gateway`."""

    def __init__(self, control_plane: ControlPlane, folder: Path, instance_url: str) -> None:
        self._folder = folder
        self._options = ("--kubeconfig", str(folder / "kubeconfig"), "--instance-url", instance_url)
        self._process: Process | None = None
        self.url = ""
        self.account = token(control_plane, "gagarin-gateway", ISSUER)
        self._write(control_plane)

    async def start(self, *options: str) -> None:
        """Start it, and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gagarin.gateway", *self._options),
            *("--host", "127.0.0.1", "--port", "0", "--ops-port", "0"),
            *("--namespace", NAMESPACE, "--default-namespace", NAMESPACE, "--drain-seconds", "5", *options),
            stdout=PIPE,
            env=dict(os.environ),
        )
        assert self._process.stdout is not None
        ready = msgspec.json.decode(await self._process.stdout.readline())
        assert ready["message"] == "ready to serve"
        self.url, self.ops_url = (f"http://127.0.0.1:{ready[each]}" for each in ("port", "ops_port"))

    async def stop(self) -> int:
        """End it; its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    def _write(self, control_plane: ControlPlane) -> None:
        cluster = {"server": control_plane.server, "certificate-authority": str(control_plane.ca_file)}
        document = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": self.account}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (self._folder / "kubeconfig").write_text(yaml.safe_dump(document))


class Person:
    """Somebody with a token of the cluster, at the gateway."""

    def __init__(self, gateway: GatewayProcess, http: aiohttp.ClientSession, bearer: str) -> None:
        self._http = http
        self.gateway = gateway
        self.headers = {"Authorization": f"Bearer {bearer}"}

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer."""
        data = body if body is None or isinstance(body, str) else msgspec.json.encode(body)
        async with self._http.request(
            method, self.gateway.url + path, data=data, headers=self.headers
        ) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, msgspec.json.decode(text) if is_json else text


@pytest.fixture
async def pod(
    control_plane: ControlPlane, crds: ControlPlane, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[ServerProcess]:
    """The chat server of Instance team-a/helper."""
    made(control_plane, "/api/v1/namespaces", metadata={"name": NAMESPACE})
    role(control_plane, "helper-agent", REVIEWS)
    process = ServerProcess(tmp_path, ApiServer(Issuer()), upstream)
    process.own_token = token(control_plane, "helper-agent", ISSUER)
    await process.start("--api-server", control_plane.server, "--api-ca-file", str(control_plane.ca_file))
    yield process
    await process.stop()


@pytest.fixture
async def gateway(
    control_plane: ControlPlane, pod: ServerProcess, tmp_path: Path
) -> AsyncIterator[GatewayProcess]:
    """A gateway that may have its own token, and nothing else."""
    role(control_plane, "gagarin-gateway", OWN_TOKEN)
    process = GatewayProcess(control_plane, tmp_path, pod.url)
    await process.start()
    yield process
    assert await process.stop() == 0


def person(
    control_plane: ControlPlane,
    gateway: GatewayProcess,
    http: aiohttp.ClientSession,
    name: str,
    *rules: dict[str, Any],
) -> Person:
    """A ServiceAccount with these rights."""
    bearer = token(control_plane, name, ISSUER)
    for index, rule in enumerate(rules):
        bound(control_plane, name, f"{name}-{index}", rule)
    return Person(gateway, http, bearer)


def bound(control_plane: ControlPlane, account: str, name: str, rule: dict[str, Any]) -> None:
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    made(control_plane, f"{rbac}/roles", metadata={"name": name}, rules=[rule])
    made(
        control_plane, f"{rbac}/rolebindings", metadata={"name": name}, subjects=[subject], roleRef=reference
    )


async def test_rbac_decides_about_every_call(
    control_plane: ControlPlane, gateway: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    editor = person(control_plane, gateway, http, "editor", EDITOR, SECRETS)
    viewer = person(control_plane, gateway, http, "viewer", VIEWER)
    nobody = person(control_plane, gateway, http, "nobody")
    tried = editor.call

    async def permitted() -> bool:
        return (await tried("POST", "/providers", {"name": "mistral", "api_key": "sk-1"}))[0] == 200

    await until(permitted)
    assert (await viewer.call("GET", "/providers/mistral"))[1]["has_api_key"] is True
    status, problem = await viewer.call("DELETE", "/providers/mistral")
    assert (status, "cannot delete resource" in problem["detail"]) == (403, True)
    assert (await nobody.call("GET", "/providers"))[0] == 403
    assert (await Person(gateway, http, "forged").call("GET", "/providers"))[0] == 401
    assert (await editor.call("PUT", "/providers/mistral", {"models": ["small"]}))[1]["models"] == ["small"]
    status, problem = await editor.call("PUT", "/providers/mistral", {"api_url": "ftp://x"})
    assert status == 422
    assert await editor.call("DELETE", "/providers/mistral") == (
        200,
        {"detail": "Provider deleted successfully"},
    )


async def test_without_a_right_to_secrets_nothing_is_left_behind(
    control_plane: ControlPlane, gateway: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    editor = person(control_plane, gateway, http, "editor-without", EDITOR)
    body = {"name": "openrouter", "api_key": "sk-1"}

    async def permitted() -> bool:
        return (await editor.call("GET", "/providers"))[0] == 200

    await until(permitted)
    status, problem = await editor.call("POST", "/providers", body)
    assert (status, problem["detail"].endswith("nothing was created")) == (403, True)
    assert (await editor.call("GET", "/providers/openrouter"))[0] == 404
    status, problem = await editor.call("POST", "/yaml", CONFIGURATION)
    assert (status, problem["done"]) == (403, [])
    assert (await editor.call("GET", "/agents/support-bot"))[0] == 404


async def test_a_configuration_comes_back_from_its_export(
    control_plane: ControlPlane, gateway: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    editor = person(control_plane, gateway, http, "editor", EDITOR, SECRETS)

    async def applied() -> bool:
        return (await editor.call("POST", "/yaml", CONFIGURATION))[0] == 200

    await until(applied)
    before = control_plane.call("GET", f"{GROUP}/agents/support-bot").body
    owner = control_plane.call("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/openai-key").body
    assert owner["metadata"]["ownerReferences"][0]["kind"] == "Provider"
    _, text = await editor.call("GET", "/yaml")
    assert "secret" not in text.replace("secretKeyRef", "")
    status, answer = await editor.call("POST", "/yaml", text)
    assert status == 200, answer
    after = control_plane.call("GET", f"{GROUP}/agents/support-bot").body
    assert (after["spec"], after["metadata"]["generation"]) == (
        before["spec"],
        before["metadata"]["generation"],
    )
    assert (await editor.call("POST", "/agents/support-bot/tools", ["weather"]))[0] == 200
    _, row = await editor.call("GET", "/agents/support-bot")
    assert await editor.call("PUT", "/agents/support-bot", row) == (200, row)
    _, row = await editor.call("PUT", "/agents/support-bot", {"prompt": "Be brief.", "tools": []})
    assert (row["prompt"], row["tools"]) == ("Be brief.", [])
    status, row = await editor.call("POST", "/instances", {"agent_id": "support-bot", "title": "Support Bot"})
    assert (status, row["id"].startswith("support-bot-")) == (200, True), "its name was taken by the import"
    assert row["id"] in [each["id"] for each in (await editor.call("GET", "/instances"))[1]]


async def test_the_pod_asks_rbac_about_the_gateway_and_about_the_caller(
    control_plane: ControlPlane, gateway: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    chatter = person(control_plane, gateway, http, "chatter", CHAT | {"verbs": ["create", "get", "delete"]})
    silent = person(control_plane, gateway, http, "silent")
    question, path = {"input": "Hello"}, "/instances/helper/chat"
    status, problem = await chatter.call("POST", path, question)
    assert (status, "may not impersonate" in problem["detail"]) == (403, True), "the gateway may not yet"
    bound(control_plane, "gagarin-gateway", "gagarin-gateway-chat", IMPERSONATE)

    async def answered() -> bool:
        return (await chatter.call("GET", path, question))[0] == 200

    await until(answered)
    status, answer = await chatter.call("POST", path, question)
    assert answer["answer"]
    status, problem = await silent.call("POST", path, question)
    assert (status, "silent may not create" in problem["detail"]) == (403, True)
    follow = {"input": "And?", "conversation": answer["conversation"]}
    assert (await chatter.call("POST", path, follow))[0] == 200, "the conversation is the caller's"
    _, listed = await chatter.call("GET", "/instances/helper/conversations")
    assert answer["conversation"] in str(listed)
    async with http.post(
        f"{gateway.url}/instances/helper/stream", json=question, headers=chatter.headers
    ) as plain:
        assert (plain.content_type, await plain.text()) == ("text/plain", answer["answer"])
    events = {**chatter.headers, "Accept": "text/event-stream"}
    async with http.post(f"{gateway.url}/instances/helper/stream", json=question, headers=events) as streamed:
        assert "event: done" in await streamed.text()
    async with http.ws_connect(f"{gateway.url}/instances/helper/ws", headers=chatter.headers) as socket:
        assert (await socket.receive_json())["type"] == "history"
        await socket.send_str("Hello")
        async with asyncio.timeout(60):
            while (await socket.receive_json())["type"] != "done":
                pass
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{gateway.url}/instances/helper/ws", headers=silent.headers)
    assert caught.value.status == 403


async def test_its_second_port_tells_how_it_is(gateway: GatewayProcess, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{gateway.url}/health") as response:
        assert (response.status, await response.json()) == (200, "OK")
    for path, said in (
        ("/healthz", "ok"),
        ("/readyz", "ok"),
        ("/metrics", "gagarin_gateway_request_duration"),
    ):
        async with http.get(gateway.ops_url + path) as response:
            assert (response.status, said in await response.text()) == (200, True)


async def test_with_a_certificate_it_speaks_https_and_a_renewed_one_is_shown(
    control_plane: ControlPlane, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    files = {"--tls-cert-file": tmp_path / "tls.crt", "--tls-key-file": tmp_path / "tls.key"}

    def renewed() -> ssl.SSLContext:
        pair = self_signed("localhost")
        for file, text in zip(files.values(), pair, strict=True):
            file.write_text(text)
        return ssl.create_default_context(cadata=pair[0])

    made(control_plane, "/api/v1/namespaces", metadata={"name": NAMESPACE})
    first = renewed()
    process = GatewayProcess(control_plane, tmp_path, "http://127.0.0.1:9")
    await process.start(*(str(part) for pair in files.items() for part in pair))
    url = process.url.replace("http://127.0.0.1", "https://localhost") + "/health"

    async def is_shown(trust: ssl.SSLContext) -> bool:
        try:
            async with http.get(url, ssl=trust, headers={"Connection": "close"}) as response:
                return response.status == 200
        except aiohttp.ClientConnectorCertificateError:
            return False

    assert await is_shown(first)
    second = renewed()
    await until(lambda: is_shown(second))
    assert not await is_shown(first)
    assert await process.stop() == 0
