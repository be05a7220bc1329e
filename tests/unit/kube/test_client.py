"""The client against an HTTP server that answers as the API server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gagarin.core.objects import Key
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.kube.errors import Conflict, EndpointError, Gone, NotFound, Unavailable
from gagarin.kube.resources import CONFIG_MAP, INSTANCE, LEASE, POD, SECRET
from gagarin.kube.reviews import ResourceAttributes, SubjectAccessReviewSpec, TokenRequest

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Answers every request with `answer`, and records it."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[web.Request, bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request, await request.read()))
        return await self.answers.pop(0)(request)

    def will_say(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        async def answer(_: web.Request) -> web.Response:
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            return web.Response(body=content, status=status, headers=headers)

        self.answers.append(answer)

    def will_stream(self, *lines: Any) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for line in lines:
                await response.write(msgspec.json.encode(line) + b"\n")
            return response

        self.answers.append(answer)

    @property
    def last(self) -> web.Request:
        return self.requests[-1][0]

    @property
    def sent(self) -> Any:
        return msgspec.json.decode(self.requests[-1][1])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[KubeClient]:
    async with KubeClient(Endpoint(f"http://127.0.0.1:{server.port}", token="secret")) as client:
        yield client


async def test_a_get_names_the_object_and_sends_the_token(server: Server, client: KubeClient) -> None:
    server.will_say({"kind": "Pod", "metadata": {"name": "p"}})
    assert await client.get(POD, "a", "p") == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
    }
    assert server.last.path == "/api/v1/namespaces/a/pods/p"
    assert server.last.headers["Authorization"] == "Bearer secret"


async def test_metadata_only_is_asked_for_and_keeps_the_kind(server: Server, client: KubeClient) -> None:
    server.will_say({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {}})
    found = await client.get(SECRET, "a", "s", metadata_only=True)
    assert found == {"apiVersion": "v1", "kind": "Secret", "metadata": {}}
    assert "as=PartialObjectMetadata;" in server.last.headers["Accept"]


async def test_a_token_file_is_followed_without_a_new_client(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    async with KubeClient(Endpoint(f"http://127.0.0.1:{server.port}", token_file=token)) as client:
        server.will_say(b"{}")
        await client.jwks()
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").replace(token)
        server.will_say(b"{}")
        await client.jwks()
    sent = [request.headers["Authorization"] for request, _ in server.requests]
    assert sent == ["Bearer one", "Bearer two"]


async def test_a_list_is_read_page_by_page(server: Server, client: KubeClient) -> None:
    server.will_say(
        {"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    )
    server.will_say({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "b"}}]})
    page = await client.list(CONFIG_MAP, label_selector="x=y")
    assert [(item["kind"], item["metadata"]["name"]) for item in page.items] == [
        ("ConfigMap", "a"),
        ("ConfigMap", "b"),
    ]
    assert page.resource_version == "9"
    assert server.requests[0][0].query["limit"] == "100"
    assert dict(server.last.query) == {"limit": "100", "labelSelector": "x=y", "continue": "more"}


async def test_to_compare_nothing_but_the_versions_are_read(server: Server, client: KubeClient) -> None:
    metadata = {"name": "a", "namespace": "demo", "resourceVersion": "8", "managedFields": [{"manager": "x"}]}
    server.will_say({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": metadata, "data": {}}]})
    pages = [page async for page in client.versions(CONFIG_MAP, label_selector="x=y")]
    assert [(page.items, page.resource_version) for page in pages] == [
        ({Key("ConfigMap", "demo", "a"): 8}, "9")
    ]
    assert "PartialObjectMetadataList" in server.last.headers["Accept"]


async def test_an_empty_list_may_have_no_items(server: Server, client: KubeClient) -> None:
    server.will_say({"metadata": {"resourceVersion": "9"}, "items": None})
    assert (await client.list(CONFIG_MAP, "a")).items == []


async def test_a_watch_goes_on_from_a_version_and_passes_bookmarks_on(
    server: Server, client: KubeClient
) -> None:
    server.will_stream(
        {"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "10"}}},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}},
    )
    events = [event async for event in client.watch(SECRET, "a", resource_version="9", metadata_only=True)]
    assert [(event.type, event.resource_version) for event in events] == [("ADDED", "10"), ("BOOKMARK", "12")]
    assert events[0].object["kind"] == "Secret"
    assert server.last.query["resourceVersion"] == "9"
    assert server.last.query["allowWatchBookmarks"] == "true"


async def test_a_watch_from_too_long_ago_is_gone(server: Server, client: KubeClient) -> None:
    server.will_stream({"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}})
    with pytest.raises(Gone):
        [event async for event in client.watch(SECRET, resource_version="1")]


async def test_apply_sends_the_manifest_with_its_manager(server: Server, client: KubeClient) -> None:
    manifest = {"kind": "Instance", "metadata": {"namespace": "a", "name": "i"}, "status": {}}
    server.will_say(manifest)
    await client.apply(manifest, field_manager="gagarin", subresource="status")
    assert server.last.method == "PATCH"
    assert server.last.path == INSTANCE.path("a", "i", "status")
    assert dict(server.last.query) == {"fieldManager": "gagarin", "force": "true"}
    assert server.last.content_type == "application/apply-patch+yaml"
    assert server.sent == manifest


async def test_a_patch_is_a_merge_patch(server: Server, client: KubeClient) -> None:
    server.will_say({})
    await client.patch(POD, "a", "p", {"metadata": {}}, field_manager="gagarin")
    assert server.last.content_type == "application/merge-patch+json"


async def test_create_and_replace_use_the_collection_and_the_object(
    server: Server, client: KubeClient
) -> None:
    lease = {"metadata": {"namespace": "a", "name": "l"}}
    server.will_say(lease)
    server.will_say(lease)
    await client.create(LEASE, lease)
    assert (server.last.method, server.last.path) == ("POST", LEASE.path("a"))
    await client.replace(LEASE, lease)
    assert (server.last.method, server.last.path) == ("PUT", LEASE.path("a", "l"))


async def test_delete_takes_only_the_object_that_is_meant(server: Server, client: KubeClient) -> None:
    server.will_say({})
    await client.delete(CONFIG_MAP, "a", "c", uid="u-1")
    assert server.last.method == "DELETE"
    assert server.sent == {"propagationPolicy": "Background", "preconditions": {"uid": "u-1"}}


async def test_a_refusal_becomes_its_error(server: Server, client: KubeClient) -> None:
    server.will_say({"message": "pods p not found", "reason": "NotFound"}, 404)
    with pytest.raises(NotFound, match="pods p not found"):
        await client.get(POD, "a", "p")
    server.will_say({"reason": "Conflict"}, 409)
    with pytest.raises(Conflict):
        await client.replace(LEASE, {"metadata": {"namespace": "a", "name": "l"}})


async def test_a_redirect_is_not_followed(server: Server, client: KubeClient) -> None:
    server.will_say(b"", 302, {"Location": "http://127.0.0.1:1/"})
    with pytest.raises(Unavailable):
        await client.jwks()


async def test_an_answer_that_is_not_json_counts_as_unavailable(server: Server, client: KubeClient) -> None:
    server.will_say(b"<html>")
    with pytest.raises(Unavailable, match="cannot be read"):
        await client.get(POD, "a", "p")


async def test_no_server_counts_as_unavailable() -> None:
    async with KubeClient(Endpoint("http://127.0.0.1:1")) as client:
        with pytest.raises(Unavailable, match="GET /openid/v1/jwks"):
            await client.jwks()


async def test_a_connection_that_breaks_off_counts_as_unavailable(server: Server, client: KubeClient) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    server.answers.append(answer)
    with pytest.raises(Unavailable):
        await client.jwks()


async def test_the_public_keys_come_as_they_are(server: Server, client: KubeClient) -> None:
    server.will_say(b'{"keys":[]}')
    assert await client.jwks() == b'{"keys":[]}'


async def test_an_access_review_asks_in_the_namespace_and_gives_the_decision(
    server: Server, client: KubeClient
) -> None:
    server.will_say({"status": {"allowed": False, "reason": "no rule"}})
    attributes = ResourceAttributes(
        namespace="a", verb="create", group="g", resource="instances", subresource="chat", name="i"
    )
    decision = await client.local_subject_access_review(
        SubjectAccessReviewSpec(user="u", groups=("x",), resource_attributes=attributes)
    )
    assert (decision.allowed, decision.reason) == (False, "no rule")
    assert server.last.path == "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews"
    assert server.sent["spec"]["resourceAttributes"]["subresource"] == "chat"
    assert server.sent["spec"]["groups"] == ["x"]


async def test_a_caller_asks_what_it_may_do_itself(server: Server, client: KubeClient) -> None:
    server.will_say({"status": {"allowed": True}}, 201)
    attributes = ResourceAttributes(namespace="a", verb="create", group="g", resource="instances")
    assert (await client.as_caller("theirs").self_subject_access_review(attributes)).allowed
    assert server.last.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert server.last.headers["Authorization"] == "Bearer theirs"
    assert server.sent["spec"]["resourceAttributes"]["verb"] == "create"


async def test_a_token_is_requested_for_its_audience(server: Server, client: KubeClient) -> None:
    server.will_say({"status": {"token": "t", "expirationTimestamp": "2030-01-01T00:00:00Z"}}, 201)
    token = await client.create_token("a", "caller", TokenRequest(audiences=("i.a.svc",), seconds=600))
    assert token.token == "t"
    assert server.last.path == "/api/v1/namespaces/a/serviceaccounts/caller/token"
    assert server.sent["spec"] == {"audiences": ["i.a.svc"], "expirationSeconds": 600}


async def test_many_calls_share_the_client(server: Server, client: KubeClient) -> None:
    for _ in range(20):
        server.will_say(b"{}")
    answers = await asyncio.gather(*(client.jwks() for _ in range(20)))
    assert answers == [b"{}"] * 20


def test_a_client_outside_of_its_block_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        _ = KubeClient(Endpoint("http://127.0.0.1:1")).session


def test_the_chat_server_can_import_the_client_without_the_operators_libraries() -> None:
    import subprocess
    import sys

    code = "import sys, gagarin.kube.client, gagarin.kube.endpoint; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"kopf", "pydantic", "yaml", "kubernetes"} & set(loaded.stdout.split())


async def test_a_call_for_somebody_else_has_their_token_only(server: Server, client: KubeClient) -> None:
    for _ in range(3):
        server.will_say({"metadata": {}}, headers={"Set-Cookie": "session=theirs"})
    await client.as_caller("theirs").get(POD, "team-a", "one")
    assert server.last.headers.getall("Authorization") == ["Bearer theirs"]
    await client.get(POD, "team-a", "one")
    assert server.last.headers.getall("Authorization") == ["Bearer secret"]
    assert "Cookie" not in server.last.headers, "nothing of one caller's answer goes with the next one's call"


async def test_a_client_certificate_does_not_speak_for_callers() -> None:
    endpoint = Endpoint("https://127.0.0.1:1", client_certificate="PEM", client_key="PEM")
    with pytest.raises(EndpointError, match="client certificate"):
        KubeClient(endpoint).as_caller("theirs")


async def test_the_api_server_says_who_a_caller_is(server: Server, client: KubeClient) -> None:
    info = {"username": "alice", "groups": ["system:authenticated"], "extra": {"scopes": ["a"]}}
    server.will_say({"status": {"userInfo": info}}, 201)
    user = await client.as_caller("theirs").self_subject_review()
    assert (user.username, user.uid, user.groups) == ("alice", "", ("system:authenticated",))
    assert user.extra == {"scopes": ("a",)}
    assert server.last.path == "/apis/authentication.k8s.io/v1/selfsubjectreviews"
