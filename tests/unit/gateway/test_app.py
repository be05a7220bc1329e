"""What all routes share: no token needed or one, problems, CORS, the description, the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from schemathesis import openapi as schemathesis_openapi

from gagarin.gateway.problems import refused
from gagarin.gateway.settings import parse
from gagarin.kube.errors import Gone, TooManyRequests
from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving, Start
from tests.unit.gateway.pod import Pod


async def test_the_root_and_the_health_need_no_token(gateway: Serving) -> None:
    assert await gateway.call("GET", "/", token=None) == (200, "Gagarin API v1")
    assert await gateway.call("GET", "/health", token=None) == (200, "OK")


@pytest.mark.parametrize(
    "path", ["/users", "/users/", "/users/sign_up", "/users/sign_in", "/users/create_api_key"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_users_are_gone_and_the_answer_says_to_whom(gateway: Serving, path: str, method: str) -> None:
    status, problem = await gateway.call(method, path, token=None)
    assert (status, "kubectl create token" in problem["detail"]) == (410, True)


async def test_what_is_not_there_is_a_problem_too(gateway: Serving) -> None:
    assert (await gateway.call("GET", "/nothing"))[1]["type"].endswith("/no-such-route")
    status, problem = await gateway.call("PATCH", "/agents")
    assert (status, problem["detail"].rpartition(": ")[2]) == (405, "GET, POST")


@pytest.mark.parametrize("authorization", ["", "Basic YTpi", "Bearer", "Bearer ", "Bearer tök\u00a0en"])
async def test_what_is_no_bearer_token_is_a_401_with_a_challenge(
    gateway: Serving, api: ApiServer, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    async with gateway.request("GET", "/agents", token=None, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert not api.calls


@pytest.mark.parametrize("body", ["", "{", "[1]", '"text"', b"\xff", "[" * 20_000])
async def test_a_body_that_is_no_object_is_refused(
    gateway: Serving, api: ApiServer, body: str | bytes
) -> None:
    assert (await gateway.call("POST", "/agents", body))[0] in (400, 422)
    assert not api.objects


async def test_a_body_that_does_not_arrive_is_a_408(start: Start) -> None:
    gateway = await start("--body-timeout", "0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"POST /agents HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer alice\r\nContent-Length: 9\r\n\r\n{"
    )
    assert b"408" in await reader.readline()
    writer.close()


async def test_a_body_that_turns_out_too_long_is_a_413(start: Start) -> None:
    gateway = await start("--max-body", "1000")

    async def parts() -> Any:
        for _ in range(100):
            yield b"x" * 100

    async with gateway._session.post(
        gateway.url + "/agents", data=parts(), headers={"Authorization": "Bearer alice"}
    ) as response:
        assert response.status == 413


async def test_a_body_whose_encoding_is_broken_is_a_400(gateway: Serving) -> None:
    status, problem = await gateway.call("POST", "/agents", b"no gzip", headers={"Content-Encoding": "gzip"})
    assert (status, problem["type"].rpartition("/")[2]) == (400, "malformed-body")


async def test_by_default_no_origin_may_call(gateway: Serving) -> None:
    async with gateway.request("GET", "/", headers={"Origin": "https://a.example.com"}) as response:
        assert not [name for name in response.headers if name.startswith("Access-Control")]
    preflight = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "POST"}
    assert (await gateway.call("OPTIONS", "/agents", token=None, headers=preflight))[0] == 405


@pytest.mark.parametrize(
    "origins", ["https://a.example.com", "https://b.example.com, https://a.example.com", "*"]
)
async def test_named_origins_may_call(start: Start, origins: str, pod: Pod, api: ApiServer) -> None:
    gateway = await start("--cors-origins", origins)
    origin = {"Origin": "https://a.example.com"}
    preflight = {**origin, "Access-Control-Request-Method": "PUT"}
    async with gateway.request("OPTIONS", "/agents/x", token=None, headers=preflight) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
        assert "PUT" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in response.headers
    api.put("Instance", "helper", {"agentRef": {"name": "helper"}})
    for path in ("/agents/nobody", "/instances/helper/stream"):
        async with gateway.request("GET", path, "{}", headers=origin) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
            assert response.headers["Vary"] == "Origin"


async def test_another_origin_may_not(start: Start) -> None:
    gateway = await start("--cors-origins", "https://a.example.com")
    async with gateway.request("GET", "/", headers={"Origin": "https://evil.example.com"}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_description_is_valid_and_names_every_route(gateway: Serving) -> None:
    status, described = await gateway.call("GET", "/openapi.json", token=None)
    assert status == 200
    schema = schemathesis_openapi.from_dict(described)
    schema.validate()
    routes = {
        (route.method, route.resource.canonical.rstrip("/") or "/")
        for route in gateway._app.router.routes()
        if route.resource is not None
        and route.method != "HEAD"
        and not route.resource.canonical.startswith("/web")  # the page is no part of the API
    }
    named = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert named == routes
    ids = [each["operationId"] for methods in described["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids))


async def test_a_mistake_of_ours_tells_nothing_and_is_logged(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "odd", {"secret": "never shown"})  # no agent that the API server would have taken
    status, problem = await gateway.call("GET", "/agents/odd")
    assert (status, problem["detail"]) == (500, "the server's log says what happened")
    assert any("KeyError" in line.get("trace", "") for line in gateway.lines)


def test_what_the_api_server_says_rarely_is_told_too() -> None:
    busy = refused(TooManyRequests("slow down", status=429, retry_after=1.2))
    assert (busy.status, busy.headers["Retry-After"]) == (429, "2")
    assert refused(Gone("too old", status=410)).status == 503


def test_settings_of_a_test_are_those_of_a_process() -> None:
    assert parse(["--instance-url", "http://127.0.0.1:1/"], {}).instance_url == "http://127.0.0.1:1"
