"""The two questions to the API server, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.server.auth import authority
from gagarin.server.auth.authority import KubeAuthority
from gagarin.server.errors import AuthorityUnavailable
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.auth.oracle import account
from tests.unit.server.issuer import Issuer


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    server = ApiServer(Issuer())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def asked(api: ApiServer, tmp_path: Path) -> AsyncIterator[KubeAuthority]:
    token = tmp_path / "token"
    token.write_text("ours")
    async with KubeClient(Endpoint(server=api.url, token_file=token)) as client:
        yield KubeAuthority(client, "team-a", "helper")


async def test_the_keys_are_those_that_the_api_server_publishes(asked: KubeAuthority, api: ApiServer) -> None:
    assert await asked.jwks() == api.issuer.jwks()


async def test_a_review_names_the_caller_and_the_instance(asked: KubeAuthority, api: ApiServer) -> None:
    assert await asked.review(account("caller"), "create")
    assert not await asked.review(account("other"), "create")
    assert api.reviews[0] == {
        "user": "system:serviceaccount:team-a:caller",
        "uid": "uid-of-caller",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated"],
        "resourceAttributes": {
            "namespace": "team-a",
            "verb": "create",
            "group": "gagarin.fyodorov.ai",
            "resource": "instances",
            "subresource": "chat",
            "name": "helper",
        },
    }


async def test_an_error_of_the_api_server_is_no_answer(asked: KubeAuthority, api: ApiServer) -> None:
    api.broken = True
    with pytest.raises(AuthorityUnavailable):
        await asked.jwks()
    with pytest.raises(AuthorityUnavailable):
        await asked.review(account("caller"), "create")


async def test_an_api_server_that_is_gone_is_no_answer(asked: KubeAuthority, api: ApiServer) -> None:
    await api.stop()
    with pytest.raises(AuthorityUnavailable):
        await asked.jwks()


async def test_a_token_that_cannot_be_read_is_no_answer(asked: KubeAuthority, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(AuthorityUnavailable, match="token"):
        await asked.jwks()


async def test_an_api_server_that_does_not_answer_is_not_waited_for(
    asked: KubeAuthority, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(api.issuer, "jwks", lambda: b"x" * 10)

    async def never(*_: object) -> bytes:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(KubeClient, "jwks", never)
    with pytest.raises(AuthorityUnavailable, match=r"within 0\.01 s"):
        await asked.jwks()
