"""The local token issuer and its access reviews."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from joserfc import jwt
from joserfc.jwk import KeySet

from gagarin.cli.dev.authority import API_AUDIENCE, ISSUER, Authority
from gagarin.core.objects import ObjectMap

Client = TestClient[Any, Any]
MANIFESTS: list[dict[str, Any]] = [
    {"kind": "Instance", "metadata": {"name": "hello", "namespace": "team"}},
    {"kind": "ServiceAccount", "metadata": {"name": "caller", "namespace": "team"}},
    {
        "kind": "RoleBinding",
        "metadata": {"name": "chat", "namespace": "team"},
        "subjects": [{"kind": "ServiceAccount", "name": "caller"}],
        "roleRef": {"kind": "ClusterRole", "name": "gagarin-chat"},
    },
]


@pytest.fixture
def authority() -> Authority:
    return Authority(ObjectMap(MANIFESTS))


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


async def asked(client: Client, account: str, bearer: str) -> tuple[int, dict[str, Any]]:
    path = f"/api/v1/namespaces/team/serviceaccounts/{account}/token"
    body = {"spec": {"audiences": ["hello.team.svc"], "expirationSeconds": 600}}
    response = await client.post(path, json=body, headers={"Authorization": f"Bearer {bearer}"})
    return response.status, await response.json()


@pytest.mark.parametrize("account", ["caller", "default", "developer", "hello-agent"])
async def test_the_developer_gets_tokens_of_every_account_that_there_is(
    authority: Authority, client: Client, account: str
) -> None:
    status, answer = await asked(client, account, authority.token("team", "developer", API_AUDIENCE))
    assert status == 201
    keys = KeySet.import_key_set(await (await client.get("/openid/v1/jwks")).json())
    claims = jwt.decode(answer["status"]["token"], keys, algorithms=["ES256"]).claims
    assert claims["sub"] == f"system:serviceaccount:team:{account}"
    assert claims["exp"] - claims["iat"] == 600


async def test_there_are_no_tokens_of_an_account_that_nobody_wrote_down(
    authority: Authority, client: Client
) -> None:
    status, answer = await asked(client, "nobody", authority.token("team", "developer", API_AUDIENCE))
    assert (status, answer["reason"]) == (404, "NotFound")


async def test_only_the_developer_gets_tokens(authority: Authority, client: Client) -> None:
    expired = authority.token("team", "developer", API_AUDIENCE, seconds=-1)
    for bearer in ("", "nonsense", expired, authority.token("team", "hello-agent", "hello.team.svc")):
        assert (await asked(client, "default", bearer))[0] == 401


async def test_a_token_can_be_reviewed(authority: Authority, client: Client) -> None:
    async def reviewed(token: str) -> dict[str, Any]:
        body = {"spec": {"token": token, "audiences": ["hello.team.svc"]}}
        response = await client.post("/apis/authentication.k8s.io/v1/tokenreviews", json=body)
        status: dict[str, Any] = (await response.json())["status"]
        return status

    found = await reviewed(authority.token("team", "caller", "hello.team.svc"))
    assert found["authenticated"] is True
    assert found["user"]["username"] == "system:serviceaccount:team:caller"
    assert "system:serviceaccounts:team" in found["user"]["groups"]
    assert found["audiences"] == ["hello.team.svc"]
    assert await reviewed(authority.token("team", "caller", "other.team.svc")) == {"authenticated": False}
    assert await reviewed("nonsense") == {"authenticated": False}
