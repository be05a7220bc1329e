"""The local token issuer and its access reviews."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from joserfc import jwt
from joserfc.jwk import KeySet

from gagarin.cli.authority import ISSUER, Authority

Client = TestClient[Any, Any]
MANIFESTS: list[dict[str, Any]] = [
    {
        "kind": "RoleBinding",
        "metadata": {"name": "chat", "namespace": "team"},
        "subjects": [{"kind": "ServiceAccount", "name": "caller"}],
        "roleRef": {"kind": "ClusterRole", "name": "gagarin-chat"},
    }
]


@pytest.fixture
def authority() -> Authority:
    return Authority(MANIFESTS)


@pytest.fixture
async def client(authority: Authority) -> AsyncIterator[Client]:
    async with TestClient(TestServer(authority.app())) as client:
        yield client


async def test_a_token_verifies_with_the_published_keys(authority: Authority, client: Client) -> None:
    token = authority.token("team", "developer", "hello.team.svc")
    keys = KeySet.import_key_set(await (await client.get("/openid/v1/jwks")).json())
    claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
    assert claims["iss"] == ISSUER
    assert claims["aud"] == ["hello.team.svc"]
    assert claims["sub"] == "system:serviceaccount:team:developer"
    assert claims["kubernetes.io"]["serviceaccount"]["uid"] == "dev-team-developer"


async def test_no_private_part_is_published(client: Client) -> None:
    (key,) = (await (await client.get("/openid/v1/jwks")).json())["keys"]
    assert "d" not in key


@pytest.mark.parametrize(
    ("user", "verb", "allowed"),
    [
        ("system:serviceaccount:team:developer", "create", True),
        ("system:serviceaccount:team:developer", "impersonate", False),
        ("system:serviceaccount:elsewhere:developer", "create", False),
        ("system:serviceaccount:team:caller", "create", True),
        ("system:serviceaccount:team:stranger", "create", False),
    ],
)
async def test_the_developer_and_whoever_has_a_role_may_chat(
    client: Client, user: str, verb: str, allowed: bool
) -> None:
    attributes = {
        "namespace": "team",
        "verb": verb,
        "group": "gagarin.fyodorov.ai",
        "resource": "instances",
        "subresource": "chat",
        "name": "hello",
    }
    review = {"spec": {"user": user, "groups": [], "resourceAttributes": attributes}}
    path = "/apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews"
    response = await client.post(path, json=review)
    assert response.status == 201
    assert (await response.json())["status"]["allowed"] is allowed
