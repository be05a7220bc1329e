"""The chat API over HTTP, in this process: routes, bad input, what is logged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.core.config import History, Limits
from gagarin.server import heartbeat
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.identity import Owner
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history.nothing import NoStore
from gagarin.server.history.store import Conversation
from tests.unit.server.auth.oracle import account
from tests.unit.server.serving import VERBS, Api, Waits, serving
from tests.unit.server.turning import FakeTool, echo
from tests.unit.server.upstream import Upstream, called, calling, failing, piece, silent, sse, writing
from tests.unit.server.waiting import happens, until


@pytest.fixture
async def api(upstream: Upstream, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(upstream, tmp_path) as made:
        yield made


async def test_an_answer_says_what_becomes_of_the_history_and_which_revision_it_is_of(api: Api) -> None:
    async with api.session.post(
        api.url + "/chat", json={"input": "Hello"}, headers=api.headers()
    ) as response:
        assert response.headers["Gagarin-History"] == "Ephemeral;lost-on-rollout"
        assert response.headers["Gagarin-Revision"] == "r1"
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", ["None", "Persistent"])
async def test_a_history_that_no_rollout_loses_is_only_named(
    upstream: Upstream, tmp_path: Path, kind: Any
) -> None:
    async with (
        serving(upstream, tmp_path, history=History(type=kind)) as api,
        api.session.post(api.url + "/chat", json={"input": "Hello"}, headers=api.headers()) as response,
    ):
        assert response.headers["Gagarin-History"] == kind


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"input": "\xff"}', 400, None),
        ({"input": 1}, 422, "#/input"),
        ({"input": "Hello", "inputs": 1}, 422, "#/inputs"),
        ({}, 422, "#/input"),
        ([], 422, "#"),
        ({"input": "x" * 32_769}, 422, "#/input"),
        (b'{"input": "' + b"x" * 400_000 + b'"}', 413, None),
        ({"input": "Hello", "conversation": "none"}, 404, None),
        ({"input": "Hello", "conversation": ""}, 404, None),
        ({"input": "Hello", "conversation": "\x00"}, 404, None),
    ],
)
@pytest.mark.parametrize("path", ["/chat", "/stream"])
async def test_bad_input_is_a_problem_document_and_the_server_goes_on(
    api: Api, upstream: Upstream, path: str, body: Any, status: int, pointer: str | None
) -> None:
    found, problem = await api.call("POST", path, body)
    assert (found, problem["status"]) == (status, status)
    assert problem.get("errors", [{}])[0].get("pointer") == pointer
    assert not upstream.bodies
    assert (await api.call("POST", "/chat", {"input": "Hello"}))[0] == 200


@pytest.mark.parametrize("path", ["/chat", "/stream"])
async def test_a_body_that_never_ends_is_a_408_and_its_connection_is_closed(
    upstream: Upstream, tmp_path: Path, path: str
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"input": "'
        await asyncio.Event().wait()

    async with (
        serving(upstream, tmp_path, waits=Waits(body_timeout=0.05)) as api,
        api.session.post(api.url + path, data=endless(), headers=api.headers()) as response,
    ):
        assert response.status == 408
        assert response.headers["Connection"] == "close"
        assert (await response.json())["detail"] == "the body did not arrive within 0.05 s"


async def test_a_body_whose_encoding_is_broken_is_a_400(api: Api) -> None:
    status, problem = await api.call("POST", "/chat", b"no gzip", headers={"Content-Encoding": "gzip"})
    assert (status, problem["title"]) == (400, "The body cannot be read")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
        ("GET", "/chat", 405),
        ("PUT", "/stream", 405),
        ("POST", "/conversations", 405),
        ("PATCH", "/conversations/x", 405),
        ("GET", "/conversations/x/y", 404),
    ],
)
async def test_what_is_not_there_is_a_problem_document(api: Api, method: str, path: str, status: int) -> None:
    assert (await api.call(method, path))[0] == status


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    async with api.session.put(api.url + "/conversations/x") as response:
        assert response.headers["Allow"] == "DELETE, GET"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/chat"),
        ("POST", "/stream"),
        ("GET", "/conversations"),
        ("GET", "/conversations/x"),
        ("DELETE", "/conversations/x"),
        ("DELETE", "/conversations"),
        ("GET", "/conversations/export"),
        ("GET", "/usage"),
        ("GET", "/stream"),
        ("GET", "/ws"),
        ("GET", "/openapi.json"),
    ],
)
async def test_every_route_asks_who_is_calling_before_anything_else(api: Api, method: str, path: str) -> None:
    async with api.session.request(method, api.url + path, data=b"nonsense") as response:
        assert response.status == 401
    assert (await api.call(method, path, b"nonsense", name="stranger"))[0] == 403


async def test_each_route_needs_its_verb(api: Api) -> None:
    routes: list[tuple[Verb, str, str]] = [
        ("create", "POST", "/chat"),
        ("create", "POST", "/stream"),
        ("get", "GET", "/conversations"),
        ("get", "GET", "/conversations/x"),
        ("delete", "DELETE", "/conversations/x"),
        ("delete", "DELETE", "/conversations"),
        ("get", "GET", "/conversations/export"),
        ("get", "GET", "/usage"),
        ("create", "GET", "/stream"),
        ("create", "GET", "/ws"),
        ("create", "GET", "/openapi.json"),
    ]
    for verb, method, path in routes:
        name = f"may-{verb}"
        api.oracle.allowed = {(account(name).user, verb)}
        assert (await api.call(method, path, {"input": "a"}, name=name))[0] != 403
        api.oracle.allowed = {(account("may-others").user, other) for other in VERBS if other != verb}
        assert (await api.call(method, path, {"input": "a"}, name="may-others"))[0] == 403


async def test_conversations_are_listed_read_and_deleted(api: Api) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "Hello"})
    conversation = answer["conversation"]
    _, page = await api.call("GET", "/conversations")
    assert [each["id"] for each in page["conversations"]] == [conversation]
    assert page["before"] is None
    _, found = await api.call("GET", f"/conversations/{conversation}")
    assert [(each["role"], each["content"]) for each in found["messages"]] == [
        ("user", "Hello"),
        ("assistant", "Good day."),
    ]
    assert await api.call("DELETE", f"/conversations/{conversation}") == (204, None)
    assert (await api.call("GET", f"/conversations/{conversation}"))[0] == 404
    assert (await api.call("DELETE", f"/conversations/{conversation}"))[0] == 404


@pytest.mark.parametrize("who", [{"name": "other"}, {"headers": {"Gagarin-End-User": "a customer"}}])
async def test_somebody_else_s_conversation_is_unknown(api: Api, who: dict[str, Any]) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "Hello"})
    path = f"/conversations/{answer['conversation']}"
    assert (await api.call("GET", path, **who))[0] == 404
    assert (await api.call("DELETE", path, **who))[0] == 404
    body = {"input": "Hello", "conversation": answer["conversation"]}
    assert (await api.call("POST", "/chat", body, **who))[0] == 404
    assert (await api.call("GET", "/conversations", **who))[1]["conversations"] == []


async def test_pages_go_on_where_they_ended(api: Api) -> None:
    for number in range(3):
        await api.call("POST", "/chat", {"input": str(number)})
    _, page = await api.call("GET", "/conversations?limit=2")
    _, rest = await api.call("GET", "/conversations", params={"limit": "2", "before": page["before"]})
    assert (len(page["conversations"]), len(rest["conversations"]), rest["before"]) == (2, 1, None)
    conversation = page["conversations"][0]["id"]
    await api.call("POST", "/chat", {"input": "again", "conversation": conversation})
    _, newest = await api.call("GET", f"/conversations/{conversation}?limit=1")
    assert (newest["messages"][0]["content"], newest["before"]) == ("again", 2)
    _, earlier = await api.call("GET", f"/conversations/{conversation}?limit=1&before=2")
    assert (earlier["messages"][0]["turn"], earlier["before"]) == (1, None)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=",
        "limit=-1",
        "limit=99999999999",
        "before=x",
        "limit=%C2%B2",
    ],
)
async def test_a_wrong_query_is_named(api: Api, query: str) -> None:
    status, problem = await api.call("GET", f"/conversations?{query}")
    assert (status, problem["errors"][0]["pointer"]) == (400, query.partition("=")[0])


async def test_a_wrong_place_in_a_conversation_is_named(api: Api) -> None:
    assert (await api.call("GET", "/conversations/x?before=0"))[0] == 400


@pytest.mark.parametrize(
    "path", ["/conversations/%FF", "/conversations/" + "x" * 65, "/conversations/%C3%A9"]
)
async def test_an_id_that_the_server_never_made_is_unknown(api: Api, path: str) -> None:
    assert (await api.call("GET", path))[0] == 404
    assert (await api.call("DELETE", path))[0] == 404


async def test_without_a_history_there_are_no_conversations(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, NoStore()) as api:
        status, answer = await api.call("POST", "/chat", {"input": "Hello"})
        assert (status, answer["conversation"]) == (200, None)
        assert (await api.call("GET", "/conversations"))[1] == {"conversations": [], "before": None}
        assert (await api.call("POST", "/chat", {"input": "Hello", "conversation": "x"}))[0] == 404
        async with api.session.post(
            api.url + "/stream", json={"input": "Hello"}, headers=api.headers()
        ) as response:
            assert "Gagarin-Conversation" not in response.headers
            assert 'event: done\ndata: {"conversation":null}\n' in await response.text()


async def test_a_stream_can_be_plain_text(api: Api) -> None:
    headers = api.headers(Accept="text/plain")
    async with api.session.post(api.url + "/stream", json={"input": "Hello"}, headers=headers) as response:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert await response.text() == "Good day."


async def test_a_browser_that_takes_anything_gets_events(api: Api) -> None:
    headers = api.headers(Accept="text/event-stream, text/plain, */*")
    async with api.session.post(api.url + "/stream", json={"input": "Hello"}, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("path", ["/chat", "/stream"])
async def test_a_provider_that_fails_is_a_502_with_its_name(api: Api, upstream: Upstream, path: str) -> None:
    upstream.behaviours = [failing(400, {"error": {"message": "wrong key sk-secret"}})]
    status, problem = await api.call("POST", path, {"input": "Hello"})
    assert (status, problem["detail"]) == (502, "provider team-a/openai answered 400")


async def test_a_stream_that_breaks_off_ends_with_an_error_event(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed, cut=True)]
    async with api.session.post(
        api.url + "/stream", json={"input": "Hello"}, headers=api.headers()
    ) as response:
        assert (await response.content.readuntil(b"\n\n")).startswith(
            b'event: token\ndata: {"text":"Good"}\n'
        )
        upstream.proceed.set()
        rest = (await response.text()).splitlines()
    assert rest[0] == "event: error"
    assert msgspec.json.decode(rest[1].removeprefix("data: "))["status"] == 502
    assert [line["problem"] for line in api.log("access")] == ["provider-failed"]


async def test_plain_text_that_breaks_off_does_not_look_whole(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed, cut=True)]
    headers = api.headers(Accept="text/plain")
    async with api.session.post(api.url + "/stream", json={"input": "Hello"}, headers=headers) as response:
        assert await response.content.readexactly(4) == b"Good"
        upstream.proceed.set()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()


async def test_a_caller_with_too_many_chats_is_told_to_wait(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, limits=Limits(max_concurrent_chats=2)) as api:
        upstream.behaviours = [silent(upstream.proceed)]
        first = asyncio.create_task(api.call("POST", "/chat", {"input": "Hello"}))
        await upstream.asked.wait()
        async with api.session.post(
            api.url + "/chat", json={"input": "Hello"}, headers=api.headers()
        ) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
        assert (await api.call("POST", "/chat", {"input": "Hello"}, name="other"))[0] == 200
        upstream.proceed.set()
        assert (await first)[0] == 200


@pytest.mark.parametrize(("path", "accept"), [("/chat", "*/*"), ("/stream", "text/plain")])
async def test_a_client_that_goes_away_stops_the_model_call(
    api: Api, upstream: Upstream, path: str, accept: str
) -> None:
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    call = asyncio.create_task(api.call("POST", path, {"input": "Hello"}, headers={"Accept": accept}))
    await upstream.asked.wait()
    call.cancel()
    await happens(upstream.abandoned)

    async def logged() -> bool:
        return bool(api.log("access"))

    await until(logged)
    assert api.log("access")[0]["status"] in (200, 499)


class BrokenStore(NoStore):
    """Fails in one of two ways."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def accept(self, *_: Any) -> Any:
        raise self._error


async def test_everything_of_the_caller_can_be_taken_along(api: Api) -> None:
    assert await api.call("GET", "/conversations/export") == (200, None)
    for text in ("one", "two"):
        await api.call("POST", "/chat", {"input": text})
    await api.call("POST", "/chat", {"input": "another's"}, name="other")
    async with api.session.get(api.url + "/conversations/export", headers=api.headers()) as response:
        assert response.headers["Content-Type"] == "application/x-ndjson"
        lines = [msgspec.json.decode(line) for line in (await response.read()).splitlines()]
    assert sorted(line["messages"][0]["content"] for line in lines) == ["one", "two"]


class FailingExport(NoStore):
    """Breaks in the middle of an export."""

    async def ids(self, owner: Owner, after: str, limit: int) -> Any:
        if after:
            raise HistoryUnavailable("disk full")
        return ["x"]

    async def read(self, owner: Owner, conversation: str, limit: int, before: int | None) -> Any:
        return Conversation("x", "", "", [])


async def test_an_export_that_breaks_off_does_not_look_whole(upstream: Upstream, tmp_path: Path) -> None:
    async with (
        serving(upstream, tmp_path, FailingExport()) as api,
        api.session.get(api.url + "/conversations/export", headers=api.headers()) as response,
    ):
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        assert api.log("event")[0]["reason"] == "disk full"


async def test_everything_of_the_caller_can_be_erased(api: Api) -> None:
    for _ in range(2):
        await api.call("POST", "/chat", {"input": "Hello"})
    await api.call("POST", "/chat", {"input": "Hello"}, name="other")
    assert await api.call("DELETE", "/conversations") == (200, {"conversations": 2})
    assert (await api.call("GET", "/conversations"))[1]["conversations"] == []
    assert len((await api.call("GET", "/conversations", name="other"))[1]["conversations"]) == 1


async def test_the_caller_is_told_what_it_used(api: Api) -> None:
    await api.call("POST", "/chat", {"input": "Hello"})
    await api.call("POST", "/v1/responses", {"model": "helper", "input": "Hello"})
    status, used = await api.call("GET", "/usage?days=1")
    (day,) = used["days"]
    assert (status, day["model"], day["chats"], day["prompt_tokens"]) == (200, "small", 2, 14)
    assert (await api.call("GET", "/usage", name="other"))[1] == {"days": []}
    assert (await api.call("GET", "/usage?days=101"))[0] == 400


@pytest.mark.parametrize("path", ["/chat", "/stream"])
async def test_a_repeated_request_gets_the_first_answer(api: Api, upstream: Upstream, path: str) -> None:
    key = {"Idempotency-Key": "one"}
    first = await api.call("POST", path, {"input": "Hello"}, headers=key)
    again = await api.call("POST", path, {"input": "Hello"}, headers=key)
    assert first[0] == again[0] == 200
    assert len(upstream.bodies) == 1
    assert (await api.call("POST", path, {"input": "Hi"}, headers=key))[0] == 422
    assert (await api.call("POST", path, {"input": "Hi"}, headers=key, name="other"))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "named"),
    [
        ({"Idempotency-Key": ""}, 400, "Idempotency-Key"),
        ({"Idempotency-Key": "x" * 257}, 400, "Idempotency-Key"),
        ({"Idempotency-Key": "\u00e9"}, 400, "Idempotency-Key"),
        ({"Gagarin-Depth": "x"}, 400, "Gagarin-Depth"),
        ({"Gagarin-Depth": "-1"}, 400, "Gagarin-Depth"),
        ({"Gagarin-Depth": "1" * 50}, 400, "Gagarin-Depth"),
        ({"Gagarin-Depth": "6"}, 422, None),
        ({"Gagarin-End-User": "x" * 257}, 400, "Gagarin-End-User"),
    ],
)
async def test_a_header_that_is_wrong_is_named(
    api: Api, upstream: Upstream, headers: dict[str, str], status: int, named: str | None
) -> None:
    found, problem = await api.call("POST", "/chat", {"input": "Hello"}, headers=headers)
    assert (found, problem.get("errors", [{}])[0].get("pointer")) == (status, named)
    assert not upstream.bodies


async def test_how_an_answer_came_about_is_told(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, tools=[FakeTool(say=echo)]) as api:
        upstream.behaviours = [calling(called("say", '{"text": "x"}', id="c1"))]
        _, answer = await api.call("POST", "/chat", {"input": "Hello"})
        assert answer["tools"] == [{"name": "say", "outcome": "ok"}]
        upstream.behaviours = [calling(called("say", '{"text": "x"}', id="c1"))]
        _, text = await api.call("POST", "/stream", {"input": "Hello"})
        assert text.count("event: tool\n") == 2
        assert '"tools":[{"name":"say","outcome":"ok"}]' in text
        upstream.behaviours = [calling(called("say", '{"text": "x"}', id="c1"))]
        assert await api.call("POST", "/stream", {"input": "Hello"}, headers={"Accept": "text/plain"}) == (
            200,
            "Good day.",
        )
        line = api.log("access")[0]
        assert line | {"model": "small", "prompt_tokens": 14, "completion_tokens": 6} == line


async def test_an_answer_that_is_not_complete_says_why(api: Api, upstream: Upstream) -> None:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    upstream.behaviours = [writing(sse(piece("Good"), end, b"[DONE]"))]
    _, text = await api.call("POST", "/stream", {"input": "Hello"})
    assert '"finish":"length"' in text


async def test_a_long_silence_is_bridged_by_comments(
    api: Api, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 0.05)
    upstream.behaviours = [writing(sse(piece("Good")), hold=upstream.proceed)]
    async with api.post("/stream", {"input": "Hello"}) as response, asyncio.timeout(60):
        await response.content.readuntil(b"\n\n:\n\n:\n\n")


async def test_the_description_and_the_routes_are_the_same(api: Api) -> None:
    status, document = await api.call("GET", "/openapi.json")
    assert status == 200
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    routed = {
        (route.method, route.resource.canonical)
        for route in api.made.application().router.routes()
        if route.resource is not None
    }
    assert described == routed
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(routed)
    assert document["info"]["title"] == "helper"
    assert document["components"]["schemas"]["Question"]["properties"]["input"]["maxLength"] == 32_768


async def test_every_reference_of_the_description_leads_somewhere(api: Api) -> None:
    _, document = await api.call("GET", "/openapi.json")
    text = msgspec.json.encode(document).decode()
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= set(document["components"]["schemas"])


async def test_no_schema_is_the_description_of_python(api: Api) -> None:
    """Structs without a docstring of their own would show msgspec's."""
    _, document = await api.call("GET", "/openapi.json")
    assert all("description" in schema for schema in document["components"]["schemas"].values())


@pytest.mark.parametrize("path", ["/chat", "/stream"])
async def test_a_history_that_fails_is_a_503_and_its_reason_is_in_the_log(
    upstream: Upstream, tmp_path: Path, path: str
) -> None:
    async with serving(upstream, tmp_path, BrokenStore(HistoryUnavailable("disk full"))) as api:
        status, problem = await api.call("POST", path, {"input": "Hello"})
        assert (status, problem["title"]) == (503, "The history is not available")
        assert api.log("event")[0]["reason"] == "disk full"


async def test_a_mistake_of_ours_is_a_500_that_tells_nothing_and_a_trace_in_the_log(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with serving(upstream, tmp_path, BrokenStore(KeyError("internal"))) as api:
        status, problem = await api.call("POST", "/chat", {"input": "Hello"})
        assert (status, problem["title"]) == (500, "The server made a mistake")
        assert "internal" not in problem["detail"]
        assert "KeyError: 'internal'" in api.log("event")[0]["trace"]
        assert (await api.call("GET", "/conversations"))[0] == 200


async def test_no_line_of_the_log_holds_what_was_said_or_a_token(api: Api) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "a secret question"})
    await api.call("POST", "/stream", {"input": "a secret question", "conversation": answer["conversation"]})
    access = api.log("access")
    assert [(line["path"], line["status"], line["caller"]) for line in access] == [
        ("/chat", 200, "system:serviceaccount:team-a:caller"),
        ("/stream", 200, "system:serviceaccount:team-a:caller"),
    ]
    assert {line["conversation"] for line in access} == {answer["conversation"]}
    assert [line["decision"] for line in api.log("audit")] == ["allow", "allow"]
    text = api.sink.getvalue().decode()
    for secret in ("a secret question", "Good day", "Be kind", "eyJ"):
        assert secret not in text
