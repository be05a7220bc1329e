"""The same doors at a real API server: tokens it issued, keys it publishes, RBAC it decides with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.controlplane import ISSUER, ControlPlane
from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.issuer import AUDIENCE, Issuer, new_key
from tests.unit.server.upstream import Upstream
from tests.unit.server.waiting import until

NAMESPACE = "team-a"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
REVIEWS = {
    "apiGroups": ["authorization.k8s.io"],
    "resources": ["localsubjectaccessreviews"],
    "verbs": ["create"],
}
CHAT = {"apiGroups": ["gagarin.fyodorov.ai"], "resources": ["instances/chat"], "resourceNames": ["helper"]}


def made(control_plane: ControlPlane, path: str, **item: Any) -> None:
    answer = control_plane.call("POST", path, item)
    assert answer.status in (201, 409), answer.message


def role(control_plane: ControlPlane, account: str, rule: dict[str, Any]) -> None:
    """Let a ServiceAccount do what a rule says."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
    made(control_plane, f"{RBAC}/roles", metadata={"name": account}, rules=[rule])
    made(
        control_plane,
        f"{RBAC}/rolebindings",
        metadata={"name": account},
        subjects=[subject],
        roleRef=reference,
    )


def token(control_plane: ControlPlane, account: str, audience: str) -> str:
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    made(control_plane, path, metadata={"name": account})
    spec = {"audiences": [audience], "expirationSeconds": 600}
    answer = control_plane.call("POST", f"{path}/{account}/token", {"spec": spec})
    assert answer.status == 201, answer.message
    return str(answer.body["status"]["token"])


@pytest.fixture
async def server(
    control_plane: ControlPlane, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[ServerProcess]:
    """A chat server whose API server is the real one."""
    made(control_plane, "/api/v1/namespaces", metadata={"name": NAMESPACE})
    role(control_plane, "helper-agent", REVIEWS)
    process = ServerProcess(tmp_path, ApiServer(Issuer()), upstream)
    process.own_token = token(control_plane, "helper-agent", ISSUER)
    await process.start("--api-server", control_plane.server, "--api-ca-file", str(control_plane.ca_file))
    yield process
    await process.stop()


async def test_kubernetes_own_tokens_and_roles_decide(
    control_plane: ControlPlane, server: ServerProcess, http: aiohttp.ClientSession
) -> None:
    async def status(bearer: str, **impersonated: str) -> int:
        headers = {"Authorization": f"Bearer {bearer}", **impersonated}
        async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=headers) as response:
            return response.status

    caller = token(control_plane, "real-caller", AUDIENCE)
    assert await status(token(control_plane, "real-caller", "other.team-a.svc")) == 401
    assert await status(token(control_plane, "real-caller", ISSUER)) == 401
    assert await status(Issuer(new_key("forged")).token("real-caller")) == 401
    assert await status(caller) == 403
    role(control_plane, "real-caller", {**CHAT, "verbs": ["create"]})

    async def let_in(bearer: str, **impersonated: str) -> bool:
        return await status(bearer, **impersonated) == 200

    await until(lambda: let_in(caller))
    gateway = token(control_plane, "real-gateway", AUDIENCE)
    role(control_plane, "real-gateway", {**CHAT, "verbs": ["impersonate"]})
    user = f"system:serviceaccount:{NAMESPACE}:real-caller"
    await until(lambda: let_in(gateway, **{"Impersonate-User": user}))
    assert await status(gateway, **{"Impersonate-User": "somebody"}) == 403
    assert await status(caller, **{"Impersonate-User": user}) == 403
