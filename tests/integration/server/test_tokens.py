"""Who is let in: wrong tokens, no Role, rotated keys, an API server that is gone."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from gagarin.core.config import Auth
from gagarin.server.auth.keys import UNKNOWN_KEY_SECONDS
from tests.integration.server.conftest import Start
from tests.integration.server.serverprocess import ServerProcess
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.issuer import AUDIENCE, Issuer, claims, new_key, tampered, unsigned
from tests.unit.server.upstream import Upstream
from tests.unit.server.waiting import until

ACCOUNT = "system:serviceaccount:team-a:"


async def status(http: aiohttp.ClientSession, server: ServerProcess, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=headers) as response:
        if response.status >= 400:
            problem = await response.json(content_type="application/problem+json")
            assert problem["status"] == response.status
        if response.status == 401:
            assert response.headers["WWW-Authenticate"].startswith("Bearer ")
        return response.status


async def answered(http: aiohttp.ClientSession, server: ServerProcess, token: str) -> bool:
    return await status(http, server, token) == 200


async def is_ready(http: aiohttp.ClientSession, server: ServerProcess) -> bool:
    async with http.get(f"{server.ops_url}/readyz") as response:
        return response.status == 200


async def test_wrong_tokens_are_refused_and_right_ones_taken(
    start: Start, http: aiohttp.ClientSession, api: ApiServer, upstream: Upstream
) -> None:
    server = await start()
    issuer, now = api.issuer, time.time()
    wrong = {
        "no token": None,
        "not a token": "nonsense",
        "other audience": issuer.token(aud=["other.team-a.svc"]),
        "the API server's audience": issuer.token(aud=["https://kubernetes.default.svc"]),
        "other issuer": issuer.token(iss="https://elsewhere"),
        "expired": issuer.token(exp=now - 1),
        "not yet valid": issuer.token(nbf=now + 3600),
        "unsigned": unsigned({"alg": "none", "kid": "first"}, claims()),
        "tampered": tampered(issuer.token()),
        "HS256 with the public key": issuer.hmac_with_public_key(),
        "unknown key": issuer.token(key=new_key("stranger", "ES256")),
    }
    found = {why: await status(http, server, token) for why, token in wrong.items()}
    assert found == dict.fromkeys(wrong, 401)
    assert not upstream.bodies
    assert not api.reviews
    assert await status(http, server, issuer.token()) == 200


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
async def test_clusters_with_elliptic_curve_keys_are_served(
    start: Start, http: aiohttp.ClientSession, api: ApiServer, algorithm: str
) -> None:
    api.issuer = Issuer(new_key("curve", algorithm))
    server = await start()
    assert await status(http, server, api.issuer.token()) == 200


async def test_a_token_without_a_role_is_a_403_until_there_is_one(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    token = api.issuer.token("newcomer")
    assert await status(http, server, token) == 403
    assert (await server.line(log="audit"))["decision"] == "forbidden"
    api.allowed.add(("newcomer", "create"))
    await until(lambda: answered(http, server, token))
    assert await status(http, server, token) == 200


async def test_a_rotation_of_the_cluster_s_keys_fails_no_call(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    old = api.issuer.token()
    assert await status(http, server, old) == 200
    # Somebody asks with a key of nowhere, so that the keys were fetched just now.
    assert await status(http, server, api.issuer.token(key=new_key("stranger", "ES256"))) == 401
    api.issuer = Issuer(new_key("second"), *api.issuer.keys)
    calls = [status(http, server, token) for token in (api.issuer.token(), old)]
    assert await asyncio.gather(*calls) == [200, 200]
    api.issuer = Issuer(new_key("second"))


async def test_a_withdrawn_key_counts_no_longer_once_another_is_asked_for(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    old = api.issuer.token()
    assert await status(http, server, old) == 200
    api.issuer = Issuer(new_key("second"))
    assert await status(http, server, api.issuer.token()) == 200
    assert await status(http, server, old) == 401


async def test_a_flood_of_unknown_keys_fetches_few_times_and_keeps_nobody_out(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    known = api.issuer.token()
    strangers = [new_key(f"stranger-{number}", "ES256") for number in range(200)]
    fetches, began = api.key_fetches, time.monotonic()
    flood = [asyncio.create_task(status(http, server, api.issuer.token(key=key))) for key in strangers]
    assert await status(http, server, known) == 200
    assert set(await asyncio.gather(*flood)) == {401}
    assert api.key_fetches - fetches <= 1 + (time.monotonic() - began) / UNKNOWN_KEY_SECONDS


async def test_a_token_with_huge_claims_is_bounded(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    assert await status(http, server, api.issuer.token(extra="x" * 3000)) == 200
    headers = {"Authorization": f"Bearer {api.issuer.token(extra='x' * 100_000)}"}
    async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=headers) as response:
        assert response.status == 400
    assert await status(http, server, api.issuer.token()) == 200
    assert "xxxxx" not in str(server.lines)


async def test_with_reviews_a_deleted_service_account_is_out_within_seconds(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start(auth=Auth(audiences=(AUDIENCE,), verification="TokenReview"))
    assert await is_ready(http, server)
    token = api.issuer.token()
    assert await status(http, server, token) == 200
    assert await status(http, server, token) == 200
    assert api.token_reviews == 2  # our own at the start, and the caller's
    assert api.key_fetches == 0
    api.deleted.add("caller")

    async def is_out() -> bool:
        return await status(http, server, token) == 401

    await until(is_out)


async def test_without_the_right_to_reviews_nobody_is_let_in_and_the_log_says_why(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    api.reviewing = False
    server = await start(auth=Auth(audiences=(AUDIENCE,), verification="TokenReview"))
    assert not await is_ready(http, server)
    assert await status(http, server, api.issuer.token()) == 503
    assert "403" in (await server.line(message="the API server reviews no tokens for us"))["reason"]
    api.reviewing = True
    await until(lambda: is_ready(http, server))


async def test_while_the_api_server_is_gone_only_those_it_let_in_before_are_answered(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    known, unknown = api.issuer.token("caller"), api.issuer.token("other")
    assert await status(http, server, known) == 200
    await api.stop()
    assert await status(http, server, known) == 200
    assert await status(http, server, unknown) == 503
    await api.start()
    api.allowed.add(("other", "create"))
    await until(lambda: answered(http, server, unknown))


async def test_a_server_that_starts_before_the_api_server_is_ready_once_it_is_there(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    await api.stop()
    server = await start()
    async with http.get(f"{server.ops_url}/readyz") as response:
        assert (response.status, await response.text()) == (503, "tokens cannot be verified yet\n")
    assert await status(http, server, api.issuer.token()) == 503
    await api.start()
    await until(lambda: is_ready(http, server))
    assert await status(http, server, api.issuer.token()) == 200


async def test_the_namespace_s_audience_is_taken_where_it_is_configured(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start(auth=Auth(audiences=(AUDIENCE, "gagarin.team-a.svc")))
    assert await status(http, server, api.issuer.token(aud="gagarin.team-a.svc")) == 200


async def test_the_gateway_speaks_for_others_with_their_rights(
    start: Start, http: aiohttp.ClientSession, api: ApiServer
) -> None:
    server = await start()
    api.allowed |= {("gateway", "impersonate"), ("jane", "create")}

    async def said(name: str, user: str) -> int:
        headers = {"Authorization": f"Bearer {api.issuer.token(name)}", "Impersonate-User": user}
        async with http.post(f"{server.url}/chat", json={"input": "Hello"}, headers=headers) as response:
            return response.status

    assert await said("gateway", "jane") == 200
    assert await said("gateway", "joe") == 403
    assert await said("caller", "jane") == 403
    await server.line(log="audit", via=f"{ACCOUNT}caller")
    audits = [line for line in server.lines if line["log"] == "audit"]
    assert [(line["via"].rpartition(":")[2], line["user"], line["decision"]) for line in audits] == [
        ("gateway", "jane", "allow"),
        ("gateway", "joe", "forbidden"),
        ("caller", "jane", "forbidden"),
    ]
