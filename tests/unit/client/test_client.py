"""Whole answers, what is kept, and what is tried again, over real HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

import gagarin.client
from gagarin.client import (
    Answer,
    Client,
    ConnectionFailed,
    Forbidden,
    GagarinError,
    InvalidRequest,
    NotFound,
    NotGagarin,
    ProblemError,
    ServerFailed,
    SettingsError,
    TimedOut,
    ToolUse,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Usage,
)
from tests.unit.client.instance import Instance, hanging_up, refusing, saying, writing
from tests.unit.server.certificates import self_signed

ANSWER = {
    "answer": "Good day.",
    "conversation": "c1",
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    "tools": [{"name": "clock", "outcome": "ok"}],
    "cost": "0.01",
    "of_a_newer_server": 1,
}


async def test_an_answer_is_typed_and_members_of_newer_servers_are_ignored(instance: Instance) -> None:
    instance.behaviours = [saying(ANSWER)]
    async with Client(instance.url, "t0ken") as client:
        answer = await client.chat("Hello", conversation="c1")
    assert answer == Answer(
        "Good day.", "c1", Usage(7, 3, 10), tools=(ToolUse("clock", "ok"),), finish="stop", cost="0.01"
    )
    method, path, headers, body = instance.requests[0]
    assert (method, path, body) == ("POST", "/chat", {"input": "Hello", "conversation": "c1"})
    assert headers["Authorization"] == "Bearer t0ken"


async def test_each_question_has_a_key_of_its_own_unless_the_caller_has_one(instance: Instance) -> None:
    instance.behaviours = [saying(ANSWER)] * 3
    async with Client(instance.url, "t") as client:
        await client.chat("Hello")
        await client.chat("Hello")
        await client.chat("Hello", idempotency_key="mine")
    first, second, third = instance.headers("Idempotency-Key")
    assert first != second
    assert first is not None
    assert len(first) == 32
    assert third == "mine"


async def test_the_end_user_is_named_for_all_calls_or_for_one(instance: Instance) -> None:
    instance.behaviours = [saying(ANSWER), saying(ANSWER), saying({"days": []})]
    async with Client(instance.url, "t", end_user="ann") as client:
        await client.chat("Hello")
        await client.chat("Hello", end_user="ben")
        await client.usage(7)
    assert instance.headers("Gagarin-End-User") == ["ann", "ben", "ann"]


async def test_what_is_kept_can_be_listed_read_and_erased(instance: Instance) -> None:
    summary = {"id": "c1", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    message = {"turn": 1, "role": "user", "content": "Hello", "created_at": "2026-01-01T00:00:00Z"}
    day = {"day": "2026-01-01", "model": "m", "chats": 1, "prompt_tokens": 7, "completion_tokens": 3}
    instance.behaviours = [
        saying({"conversations": [summary | {"turns": 1}], "before": "cursor,1"}),
        saying({"conversations": []}),
        saying(summary | {"messages": [message]}),
        saying(summary | {"messages": [], "before": None}),
        saying(None, 204),
        saying({"conversations": 4}),
        saying({"days": [day]}),
    ]
    async with Client(instance.url, "t") as client:
        page = await client.conversations(limit=1)
        assert page.conversations[0].turns == 1
        assert (await client.conversations(before=page.before)).before is None
        assert (await client.read("c1")).messages[0].content == "Hello"
        assert (await client.read("c1", limit=5, before=3)).messages == ()
        await client.delete("c1")
        assert await client.delete_all() == 4
        assert [each.chats for each in await client.usage()] == [1]
    assert [(method, path) for method, path, _, _ in instance.requests] == [
        ("GET", "/conversations?limit=1"),
        ("GET", "/conversations?limit=100&before=cursor,1"),
        ("GET", "/conversations/c1?limit=100"),
        ("GET", "/conversations/c1?limit=5&before=3"),
        ("DELETE", "/conversations/c1"),
        ("DELETE", "/conversations"),
        ("GET", "/usage?days=30"),
    ]


@pytest.mark.parametrize("wrong", ["", "..", "a/b", "ü", "x" * 65])
async def test_what_is_no_id_is_not_put_into_a_path(instance: Instance, wrong: str) -> None:
    async with Client(instance.url, "t") as client:
        with pytest.raises(SettingsError, match="is no id of a conversation"):
            await client.delete(wrong)
    assert instance.requests == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (422, InvalidRequest),
        (429, TooManyRequests),
        (502, ServerFailed),
        (503, Unavailable),
    ],
)
async def test_a_problem_document_becomes_the_error_of_its_status(
    instance: Instance, status: int, kind: type[ProblemError]
) -> None:
    instance.behaviours = [refusing(status, "a-slug")]
    async with Client(instance.url, "t") as client:
        with pytest.raises(kind, match="No: because") as caught:
            await client.chat("Hello")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.slug, caught.value.title) == (status, "a-slug", "No")
    assert [each.pointer for each in caught.value.errors] == ["#/input"]


async def test_a_proxy_s_own_error_page_is_told_by_its_status(instance: Instance) -> None:
    instance.behaviours = [writing(b"<html>"), refusing(302), saying("no document", 502)]
    async with Client(instance.url, "t") as client:
        with pytest.raises(NotGagarin, match="cannot be read"):
            await client.chat("Hello")
        with pytest.raises(NotGagarin, match="redirects are not followed"):
            await client.chat("Hello")
        with pytest.raises(ServerFailed, match="The server answered 502"):
            await client.chat("Hello")


async def test_what_is_refused_for_now_is_asked_again_when_the_server_says(instance: Instance) -> None:
    instance.behaviours = [refusing(429, Retry_After="0"), refusing(503, Retry_After="0"), saying(ANSWER)]
    async with Client(instance.url, "t") as client:
        assert (await client.chat("Hello")).answer == "Good day."
    assert len(set(instance.headers("Idempotency-Key"))) == 1


async def test_a_budget_that_is_spent_for_long_is_not_waited_for(instance: Instance) -> None:
    instance.behaviours = [refusing(429, "tokens-spent", Retry_After="40000")]
    async with Client(instance.url, "t") as client:
        with pytest.raises(TooManyRequests) as caught:
            await client.chat("Hello")
    assert (caught.value.slug, caught.value.retry_after) == ("tokens-spent", 40000)


async def test_attempts_are_bounded(instance: Instance) -> None:
    instance.behaviours = [refusing(503, Retry_After="0")] * 5
    async with Client(instance.url, "t", attempts=2) as client:
        with pytest.raises(Unavailable):
            await client.chat("Hello")
    assert len(instance.requests) == 2


async def test_a_question_is_repeated_with_its_key_when_the_connection_breaks(instance: Instance) -> None:
    instance.behaviours = [hanging_up(), writing(b'{"answer": "Goo', cut=True), saying(ANSWER)]
    async with Client(instance.url, "t") as client:
        assert (await client.chat("Hello")).answer == "Good day."
    assert len(set(instance.headers("Idempotency-Key"))) == 1


async def test_nobody_at_the_address_is_said_after_several_attempts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with Client(url, "t") as client:
            with pytest.raises(ConnectionFailed, match="does not answer"):
                await client.chat("Hello")


async def test_an_answer_that_takes_too_long_is_not_asked_for_again(instance: Instance) -> None:
    async def silent(_: object) -> None:
        await asyncio.Event().wait()

    instance.behaviours = [silent]  # type: ignore[list-item]  # it never answers
    async with Client(instance.url, "t", timeout=0.5) as client:
        with pytest.raises(TimedOut, match=r"no answer within 0\.5 s"):
            await client.chat("Hello")
    assert len(instance.requests) == 1


async def test_tls_trusts_the_named_bundle_and_no_other(instance: Instance, tmp_path: Path) -> None:
    certificate, key = self_signed("localhost")
    (tmp_path / "ca.crt").write_text(certificate)
    (tmp_path / "pair.pem").write_text(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "pair.pem")
    await instance.stop()
    await instance.start(context)
    instance.behaviours = [saying(ANSWER)]
    url = f"https://localhost:{instance.port}"
    async with Client(url, "t", ca_file=tmp_path / "ca.crt") as client:
        assert (await client.chat("Hello")).answer == "Good day."
    instance.behaviours = [saying(ANSWER)]
    by_address = f"https://127.0.0.1:{instance.port}"
    async with Client(by_address, "t", ca_file=tmp_path / "ca.crt", server_name="localhost") as client:
        assert (await client.chat("Hello")).answer == "Good day."
    async with Client(url, "t", attempts=1) as client:
        with pytest.raises(ConnectionFailed, match="certificate"):
            await client.chat("Hello")


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(SettingsError, match="`with` block"):
        await Client("http://helper", "t").chat("Hello")


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"attempts": 0}, {"end_user": ""}, {"end_user": "ü"}, {"end_user": "x" * 257}]
)
def test_settings_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Client("http://helper", "t", **options)  # type: ignore[arg-type]  # that is the test


def test_the_public_names_are_those_that_are_listed_and_every_error_is_one_of_ours() -> None:
    public = {name: getattr(gagarin.client, name) for name in gagarin.client.__all__}
    errors = [each for each in public.values() if isinstance(each, type) and issubclass(each, BaseException)]
    assert all(issubclass(each, GagarinError) for each in errors)
    assert len(errors) == 14
