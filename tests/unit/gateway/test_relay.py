"""Chats through the gateway: who is named to the pod, what is passed on, and how either side ends."""

from __future__ import annotations

import io
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving, Start
from tests.unit.gateway.pod import Pod
from tests.unit.server.certificates import self_signed
from tests.unit.server.waiting import happens, until

INSTANCE: dict[str, Any] = {"agentRef": {"name": "helper"}}
CHAT, STREAM = "/instances/helper/chat", "/instances/helper/stream"


@pytest.fixture(autouse=True)
def _helper(api: ApiServer) -> None:
    api.put("Instance", "helper", INSTANCE)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_question_goes_to_the_pod_with_the_name_of_the_caller(
    gateway: Serving, api: ApiServer, pod: Pod, method: str
) -> None:
    status, answer = await gateway.call(method, CHAT, {"input": "Hi"}, headers={"Idempotency-Key": "k1"})
    assert (status, answer["answer"]) == (200, "Hello")
    (asked,) = pod.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/chat", '{"input":"Hi"}')
    assert asked.headers["Authorization"] == "Bearer token-1", "never the caller's"
    assert asked.headers["Impersonate-User"] == "system:serviceaccount:team-a:alice"
    assert asked.headers["Impersonate-Uid"] == "uid-of-alice"
    assert asked.headers.getall("Impersonate-Group") == list(api.users["alice"]["groups"])
    assert asked.headers["Idempotency-Key"] == "k1"
    assert api.issued == [{"audiences": ["helper.team-a.svc"], "expirationSeconds": 3600}]


async def test_callers_cannot_name_anybody_themselves(gateway: Serving, pod: Pod) -> None:
    forged = {"Impersonate-User": "admin", "Impersonate-Group": "system:masters", "Cookie": "a=b"}
    await gateway.call("POST", CHAT, {"input": "Hi"}, headers=forged)
    (asked,) = pod.asked
    assert asked.headers.getall("Impersonate-User") == ["system:serviceaccount:team-a:alice"]
    assert "system:masters" not in asked.headers.getall("Impersonate-Group")
    assert "Cookie" not in asked.headers


async def test_identity_and_token_are_asked_for_once(gateway: Serving, api: ApiServer, pod: Pod) -> None:
    for _ in range(3):
        await gateway.call("POST", CHAT, {"input": "Hi"})
    assert [path for _, _, path in api.calls] == [
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "/apis/gagarin.fyodorov.ai/v1alpha1/namespaces/team-a/instances/helper",
        "/api/v1/namespaces/gagarin-system/serviceaccounts/gagarin-gateway/token",
    ]


async def test_who_may_chat_and_not_look_gets_an_answer(gateway: Serving, api: ApiServer) -> None:
    api.denied.add(("alice", "get", "instances"))
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}))[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", CHAT), ("GET", "/instances/helper/conversations"), ("GET", "/instances/helper/ws")],
)
async def test_who_may_neither_chat_nor_look_reaches_nothing_of_that_name(
    gateway: Serving, api: ApiServer, pod: Pod, method: str, path: str
) -> None:
    api.denied |= {("alice", "get", "instances")}
    api.denied |= {("alice", verb, "instances/chat") for verb in ("create", "get", "delete")}
    status, problem = await gateway.call(method, path, {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (403, "forbidden")
    assert "system:serviceaccount:team-a:alice may not create instances/chat" in problem["detail"]
    assert not pod.asked
    assert not api.issued, "and no token is made for it"


async def test_who_may_only_read_conversations_need_not_look(gateway: Serving, api: ApiServer) -> None:
    api.denied |= {("alice", "get", "instances"), ("alice", "create", "instances/chat")}
    assert (await gateway.call("GET", "/instances/helper/conversations"))[0] == 200


async def test_an_instance_that_is_not_there_is_a_404(gateway: Serving, pod: Pod) -> None:
    for name in ("nobody", "My%20Agent", "106"):
        assert (await gateway.call("POST", f"/instances/{name}/chat", {"input": "Hi"}))[0] == 404
    assert not pod.asked


async def test_a_token_that_the_api_server_does_not_take_reaches_no_pod(gateway: Serving, pod: Pod) -> None:
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}, token="stranger"))[0] == 401
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}, token=None))[0] == 401
    assert not pod.asked


async def test_a_token_with_less_rights_than_its_user_is_refused(
    gateway: Serving, api: ApiServer, pod: Pod
) -> None:
    api.users["alice"]["extra"] = {"scopes.authorization.openshift.io": ["user:info"]}
    status, problem = await gateway.call("POST", CHAT, {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (403, "narrowed-token")
    assert not pod.asked


async def test_a_user_that_no_header_can_name_is_refused(gateway: Serving, api: ApiServer) -> None:
    api.users["alice"]["username"] = "alice\r\nImpersonate-Group: system:masters"
    status, problem = await gateway.call("POST", CHAT, {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (403, "unnamable-user")


@pytest.mark.parametrize("refused", [403, 422, 429, 503])
async def test_what_the_pod_refuses_is_passed_on(gateway: Serving, pod: Pod, refused: int) -> None:
    pod.status = refused
    async with gateway.request("POST", CHAT, {"input": "Hi"}) as response:
        problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["detail"]) == (refused, "the pod says no")
        assert response.headers["Retry-After"] == "7"
        assert "Server-Secret" not in response.headers


async def test_a_pod_that_does_not_take_the_gateways_token_is_not_the_callers_fault(
    gateway: Serving, api: ApiServer, pod: Pod
) -> None:
    pod.status = 401
    status, problem = await gateway.call("POST", CHAT, {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (503, "gateway-not-permitted")
    pod.status = 200
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}))[0] == 200
    assert len(api.issued) == 2, "the refused token is not used again"


async def test_redirects_are_not_followed(gateway: Serving, pod: Pod) -> None:
    pod.status = 307
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}))[0] == 502


async def test_a_gateway_without_the_right_to_its_token_says_that_it_is_not_set_up(
    gateway: Serving, api: ApiServer
) -> None:
    api.denied.add(("gateway", "create", ""))
    status, problem = await gateway.call("POST", CHAT, {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (503, "gateway-not-permitted")
    assert any(line.get("message") == "the gateway gets no token of its own" for line in gateway.lines)


async def test_no_pod_that_answers_is_a_503(gateway: Serving, pod: Pod) -> None:
    await pod.stop()
    status, problem = await gateway.call("POST", CHAT, {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (503, "instance-unreachable")


async def test_a_body_of_ten_megabytes_is_refused_without_being_read(gateway: Serving, pod: Pod) -> None:
    status, problem = await gateway.call("POST", CHAT, io.BytesIO(b"x" * 10_000_000))
    assert (status, problem["type"].rpartition("/")[2]) == (413, "body-too-large")
    assert not pod.asked


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [(None, "text/plain"), ("*/*", "text/plain"), ("text/event-stream", "text/event-stream")],
)
async def test_a_stream_is_plain_text_unless_events_are_asked_for(
    gateway: Serving, pod: Pod, accept: str | None, wanted: str
) -> None:
    headers = {"Accept": accept} if accept else {}
    async with gateway.request("GET", STREAM, {"input": "Hi"}, headers=headers) as response:
        assert (await response.text(), response.content_type) == ("Hello", wanted)
        assert response.headers["Cache-Control"] == "no-store"
    assert pod.asked[0].headers["Accept"] == wanted


async def test_a_broken_stream_is_taken_up_again(gateway: Serving, pod: Pod) -> None:
    headers = {"Last-Event-ID": "s1.7", "Accept": "text/event-stream"}
    async with gateway.request("GET", STREAM, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
    (asked,) = pod.asked
    assert (asked.method, asked.path, asked.body) == ("GET", "/stream", "")
    assert asked.headers["Last-Event-ID"] == "s1.7"


async def test_a_stream_arrives_as_it_is_made(gateway: Serving, pod: Pod) -> None:
    pod.waiting = True
    async with gateway.request("POST", STREAM, {"input": "Hi"}) as response:
        assert await response.content.readexactly(5) == b"Hello", "while the pod still answers"
        pod.go_on.set()
        assert await response.read() == b""


async def test_a_caller_who_leaves_ends_the_request_at_the_pod(gateway: Serving, pod: Pod) -> None:
    pod.waiting = True
    async with gateway.request("POST", STREAM, {"input": "Hi"}) as response:
        await response.content.readexactly(5)
        response.close()
    await happens(pod.gone)

    async def logged() -> bool:
        return any(line.get("status") == 499 for line in gateway.lines)

    await until(logged)


async def test_an_answer_that_breaks_off_there_breaks_off_here(gateway: Serving, pod: Pod) -> None:
    pod.breaking = True
    async with gateway.request("POST", STREAM, {"input": "Hi"}) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_conversations_are_the_pods(gateway: Serving, pod: Pod) -> None:
    assert (await gateway.call("GET", "/instances/helper/conversations?limit=2"))[0] == 200
    assert (await gateway.call("DELETE", "/instances/helper/conversations/c1"))[0] == 200
    assert [(asked.method, asked.path, asked.query) for asked in pod.asked] == [
        ("GET", "/conversations", {"limit": "2"}),
        ("DELETE", "/conversations/c1", {}),
    ]
    assert (await gateway.call("GET", "/instances/helper/conversations/..%2Fchat"))[0] == 404


async def test_no_line_of_the_log_holds_a_token_or_a_question(gateway: Serving, pod: Pod) -> None:
    await gateway.call("POST", CHAT, {"input": "my secret"})

    async def logged() -> bool:
        return any(line.get("log") == "access" for line in gateway.lines)

    await until(logged)
    (line,) = [line for line in gateway.lines if line["log"] == "access"]
    assert (line["method"], line["path"], line["status"]) == ("POST", CHAT, 200)
    assert not any(word in str(gateway.lines) for word in ("alice", "token-1", "my secret"))


async def test_an_instance_with_tls_is_asked_by_https_and_its_certificate_is_checked(
    start: Start, api: ApiServer, pod: Pod, tmp_path: Path
) -> None:
    certificate, key = self_signed("localhost")
    file, pair = tmp_path / "ca.pem", tmp_path / "pair.pem"
    file.write_text(certificate)
    pair.write_text(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)
    await pod.stop()
    await pod.start(context)
    api.put("Instance", "helper", {**INSTANCE, "tls": {"secretName": "cert"}})
    url = ("--instance-url", "{scheme}://localhost:" + str(pod.port))
    trusting = await start(*url, "--instance-ca-file", str(file))
    assert (await trusting.call("POST", CHAT, {"input": "Hi"}))[0] == 200
    doubting = await start(*url)
    assert (await doubting.call("POST", CHAT, {"input": "Hi"}))[0] == 503
    assert len(pod.asked) == 1


async def test_an_api_server_that_fails_after_it_knew_the_caller_is_a_503(
    gateway: Serving, api: ApiServer, pod: Pod
) -> None:
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}))[0] == 200
    api.broken = True
    assert (await gateway.call("POST", CHAT, {"input": "Hi"}))[0] == 200, "all of it is remembered"
    status, problem = await gateway.call("POST", "/instances/other/chat", {"input": "Hi"})
    assert (status, problem["type"].rpartition("/")[2]) == (503, "cluster-unavailable")


async def test_a_user_without_a_uid_is_named_without_one(gateway: Serving, api: ApiServer, pod: Pod) -> None:
    api.users["alice"] = {"username": "alice@example.com", "groups": ["a", "b"]}
    await gateway.call("POST", CHAT, {"input": "Hi"})
    headers = pod.asked[0].headers
    assert (headers["Impersonate-User"], "Impersonate-Uid" in headers) == ("alice@example.com", False)
    assert headers.getall("Impersonate-Group") == ["a", "b"]
