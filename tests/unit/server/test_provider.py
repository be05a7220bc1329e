"""Answers come whole or in pieces; failures are told in our words, tried again while that is right."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gagarin.core.config import Header, Timeouts
from gagarin.server import provider, replystream
from gagarin.server.attempts import pause_after
from gagarin.server.errors import ProviderError
from gagarin.server.provider import ModelClient
from gagarin.server.upstream import address, retry_after
from gagarin.server.wire import Message, Reply, Usage
from tests.unit.server.certificates import self_signed
from tests.unit.server.providing import QUICK, model_at
from tests.unit.server.upstream import (
    DONE,
    FINISH,
    USED,
    Upstream,
    failing,
    hanging_up,
    piece,
    replying,
    silent,
    sse,
    writing,
)
from tests.unit.server.waiting import happens

HELLO = [Message("user", "Hello")]
GOOD_DAY = sse(piece("Good"), piece(" day."))


@pytest.fixture
async def model(upstream: Upstream, tmp_path: Path) -> AsyncIterator[ModelClient]:
    async with model_at(upstream.url, tmp_path) as client:
        yield client


async def streamed(model: ModelClient) -> tuple[str, Usage | None]:
    stream = await model.open(HELLO)
    try:
        pieces = [text async for texts in stream for text in texts]
    finally:
        await stream.close()
    return "".join(pieces), stream.usage


async def failure_of(model: ModelClient, *, stream: bool = False) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await (streamed(model) if stream else model.complete(HELLO))
    return caught.value


async def test_a_whole_answer(model: ModelClient, upstream: Upstream) -> None:
    assert await model.complete(HELLO) == Reply("Good day.", Usage(7, 3, 10))
    assert upstream.bodies == [{"model": "small", "messages": [{"role": "user", "content": "Hello"}]}]


async def test_a_long_dialogue_is_sent_whole(model: ModelClient, upstream: Upstream) -> None:
    text = "x" * 2 * 1024 * 1024
    await model.complete([Message("user", text)])
    assert upstream.bodies[0]["messages"] == [{"role": "user", "content": text}]


async def test_a_streamed_answer(model: ModelClient, upstream: Upstream) -> None:
    assert await streamed(model) == ("Good day.", Usage(7, 3, 10))
    assert upstream.bodies[0]["stream"] is True


async def test_pieces_of_one_read_come_together(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [writing(GOOD_DAY + sse(FINISH, DONE))]
    stream = await model.open(HELLO)
    assert [texts async for texts in stream] == [["Good", " day."]]
    await stream.close()


async def test_a_stream_split_at_every_byte(model: ModelClient, upstream: Upstream) -> None:
    text = b": ping\r\n\r\n" + sse(piece("Gr\u00fc\u00dfe"), FINISH, USED, DONE).replace(b"\n", b"\r\n")
    upstream.behaviours = [writing(*(text[at : at + 1] for at in range(len(text))))]
    assert await streamed(model) == ("Gr\u00fc\u00dfe", Usage(7, 3, 10))


@pytest.mark.parametrize(
    "end",
    [
        sse(FINISH, DONE),
        sse(FINISH, DONE, DONE),
        sse(DONE),
        sse(FINISH),
        sse(FINISH).rstrip(b"\n"),
        sse(FINISH, DONE).rstrip(b"\n"),
        sse(FINISH, DONE) + b"data: nonsense\n\n",
        sse(FINISH, DONE) + b"data: cut",
    ],
    ids=[
        "usual",
        "two DONE",
        "only DONE",
        "no DONE",
        "no end",
        "no blank line",
        "more after DONE",
        "cut after DONE",
    ],
)
async def test_the_many_ways_to_end_a_stream(model: ModelClient, upstream: Upstream, end: bytes) -> None:
    upstream.behaviours = [writing(GOOD_DAY, end)]
    assert (await streamed(model))[0] == "Good day."


async def test_an_answer_without_text_is_empty(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece(""), FINISH, DONE))]
    assert await streamed(model) == ("", None)


async def test_a_provider_that_keeps_the_stream_open_after_the_end_is_not_waited_for(
    model: ModelClient, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replystream, "_END_SECONDS", 0.01)
    upstream.behaviours = [writing(GOOD_DAY, sse(FINISH, DONE), hold=upstream.proceed)]
    assert (await streamed(model))[0] == "Good day."
    await happens(upstream.abandoned)


async def test_connections_are_used_again_after_whole_and_streamed_answers(
    model: ModelClient, upstream: Upstream
) -> None:
    for _ in range(3):
        await model.complete(HELLO)
        await streamed(model)
    assert len({headers["Host"] for headers in upstream.headers}) == 1
    assert len(upstream.peers) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_passing_failure_is_tried_again(
    model: ModelClient, upstream: Upstream, status: int, *, stream: bool
) -> None:
    upstream.behaviours = [failing(status), failing(status)]
    assert await (streamed(model) if stream else model.complete(HELLO))
    assert len(upstream.bodies) == 3


async def test_after_all_attempts_the_last_failure_counts(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [failing(500)] * 3
    error = await failure_of(model)
    assert str(error) == "provider team-a/openai answered 500"
    assert (error.fault, len(upstream.bodies)) == ("status", 3)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [201, 301, 400, 401, 403, 404, 422])
async def test_any_other_status_is_not_tried_again(
    model: ModelClient, upstream: Upstream, status: int, *, stream: bool
) -> None:
    upstream.behaviours = [failing(status, {"error": {"code": "bad_thing", "message": "sk-secret"}})]
    error = await failure_of(model, stream=stream)
    assert str(error) == f"provider team-a/openai answered {status} (bad_thing)"
    assert len(upstream.bodies) == 1


async def test_a_redirect_is_not_followed(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [failing(307, None, Location="http://127.0.0.1:1/")]
    assert (await failure_of(model)).fault == "status"


async def test_the_pause_that_the_provider_asks_for_is_kept(
    model: ModelClient, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def remember(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", remember)
    upstream.behaviours = [failing(429, None, Retry_After="7"), failing(503, None, Retry_After="soon")]
    await model.complete(HELLO)
    assert [pause for pause in pauses if pause] == [7.0]


async def test_a_pause_that_is_too_long_is_passed_on(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [failing(429, None, Retry_After="3600")]
    error = await failure_of(model)
    assert (error.retry_after, len(upstream.bodies)) == (3600.0, 1)


def test_pauses_grow_and_differ() -> None:
    assert [pause_after(attempt, lambda: 0.0) for attempt in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert pause_after(1, lambda: 1.0) == 0.75


@pytest.mark.parametrize("stream", [False, True])
async def test_a_connection_that_breaks_before_the_answer_is_tried_again(
    model: ModelClient, upstream: Upstream, *, stream: bool
) -> None:
    upstream.behaviours = [hanging_up()]
    assert await (streamed(model) if stream else model.complete(HELLO))
    upstream.behaviours = [hanging_up()] * 3
    error = await failure_of(model, stream=stream)
    assert str(error) == "provider team-a/openai broke off the connection"


async def test_a_stream_that_breaks_before_its_first_token_is_tried_again(
    model: ModelClient, upstream: Upstream
) -> None:
    upstream.behaviours = [writing(sse(piece("")), cut=True), writing(b": wait\n\n")]
    assert (await streamed(model))[0] == "Good day."


@pytest.mark.parametrize("cut", [False, True])
async def test_a_stream_that_breaks_after_its_first_token_is_not_tried_again(
    model: ModelClient, upstream: Upstream, *, cut: bool
) -> None:
    upstream.behaviours = [writing(GOOD_DAY, hold=upstream.proceed, cut=cut)]
    stream = await model.open(HELLO)
    assert await anext(stream)
    upstream.proceed.set()
    with pytest.raises(ProviderError, match="broke off") as caught:
        await anext(stream)
    await stream.close()
    assert (caught.value.fault, len(upstream.bodies)) == ("interrupted", 1)


async def test_an_error_in_the_middle_of_a_stream(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [writing(GOOD_DAY + sse({"error": {"message": "sk-secret overloaded"}}))]
    error = await failure_of(model, stream=True)
    assert str(error) == "provider team-a/openai reported an error in the middle of its answer"


@pytest.mark.parametrize(
    "body",
    [
        b"data: nonsense\n\n",
        b"data: []\n\n",
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b"data: " + b"x" * (2 * 1024 * 1024),
    ],
    ids=["no JSON", "a list", "no UTF-8", "a line that never ends"],
)
async def test_nonsense_in_a_stream_is_not_tried_again(
    model: ModelClient, upstream: Upstream, body: bytes
) -> None:
    upstream.behaviours = [replying(body, "text/event-stream")]
    error = await failure_of(model, stream=True)
    assert (error.fault, len(upstream.bodies)) == ("nonsense", 1)


async def test_something_else_than_a_stream_is_nonsense(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [replying(b"<html>", "text/html")]
    assert (await failure_of(model, stream=True)).fault == "nonsense"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"choices":[]}', b"\xff"])
async def test_a_nonsensical_answer_is_not_tried_again(
    model: ModelClient, upstream: Upstream, body: bytes
) -> None:
    upstream.behaviours = [replying(body)]
    assert (await failure_of(model)).fault == "nonsense"


async def test_an_endless_answer_is_nonsense(
    model: ModelClient, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "MAX_REPLY_BYTES", 1000)
    upstream.behaviours = [replying(b" " * 1001)]
    assert str(await failure_of(model)) == "provider team-a/openai answered with more than 1000 bytes"


async def test_an_answer_that_breaks_off_is_tried_again(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [writing(b'{"choices"', cut=True)]
    assert (await model.complete(HELLO)).text == "Good day."


@pytest.mark.parametrize(
    ("timeouts", "stream", "limit"),
    [
        (Timeouts(total=0.5), False, "0.5 s (timeouts.total)"),
        (Timeouts(total=0.5), True, "0.5 s (timeouts.total)"),
        (Timeouts(first_token=0.5), True, "0.5 s (timeouts.firstToken)"),
    ],
)
async def test_a_provider_that_does_not_answer_runs_out_of_time(
    upstream: Upstream, tmp_path: Path, timeouts: Timeouts, limit: str, *, stream: bool
) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    async with model_at(upstream.url, tmp_path, timeouts=timeouts) as model:
        error = await failure_of(model, stream=stream)
    assert str(error) == f"provider team-a/openai did not answer within {limit}"
    assert (error.fault, len(upstream.bodies)) == ("timeout", 1)
    await happens(upstream.abandoned)


@pytest.mark.parametrize(
    ("timeouts", "limit"),
    [
        (Timeouts(between_tokens=0.05), "0.05 s (timeouts.betweenTokens)"),
        (Timeouts(total=0.2, between_tokens=5.0), "0.2 s (timeouts.total)"),
    ],
)
async def test_a_stream_that_stops_runs_out_of_time(
    upstream: Upstream, tmp_path: Path, timeouts: Timeouts, limit: str
) -> None:
    upstream.behaviours = [writing(GOOD_DAY, hold=upstream.proceed)]
    async with model_at(upstream.url, tmp_path, timeouts=timeouts) as model:
        error = await failure_of(model, stream=True)
    assert str(error) == f"provider team-a/openai did not answer within {limit}"
    await happens(upstream.abandoned)


async def test_a_port_that_nobody_listens_on_is_told_without_its_address(
    upstream: Upstream, tmp_path: Path
) -> None:
    await upstream.stop()
    async with model_at(upstream.url, tmp_path) as model:
        error = await failure_of(model)
    assert str(error) == "provider team-a/openai cannot be reached: connection refused"
    assert error.fault == "unreachable"


async def test_a_name_that_nobody_has(tmp_path: Path) -> None:
    async with model_at("http://nobody.invalid", tmp_path, retries=0) as model:
        error = await failure_of(model)
    assert str(error) == "provider team-a/openai cannot be reached: its name is not known"


async def test_a_url_that_is_none(tmp_path: Path) -> None:
    async with model_at("http://:x", tmp_path, retries=0) as model:
        error = await failure_of(model)
    assert str(error) == "provider team-a/openai cannot be reached: its URL is wrong"


async def test_a_provider_without_tls_behind_https(upstream: Upstream, tmp_path: Path) -> None:
    async with model_at(upstream.url.replace("http:", "https:"), tmp_path, retries=0) as model:
        error = await failure_of(model)
    assert str(error) == "provider team-a/openai cannot be reached: TLS failed"


async def test_a_certificate_is_checked_with_the_bundle(upstream: Upstream, tmp_path: Path) -> None:
    certificate, key = self_signed("localhost")
    pair = tmp_path / "pair.pem"
    rotate(pair, certificate + key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair)
    await upstream.stop()
    await upstream.start(tls)
    url = f"https://localhost:{upstream.port}"
    async with model_at(url, tmp_path, ca_bundle=certificate) as model:
        assert (await model.complete(HELLO)).text == "Good day."
    async with model_at(url, tmp_path, retries=0) as model:
        error = await failure_of(model)
    assert str(error) == "provider team-a/openai cannot be reached: its certificate is not trusted"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "team-a" / "openai" / "key"
    file.parent.mkdir(parents=True)
    file.write_text("first")
    return file


KEY = "team-a/openai/key"


def rotate(file: Path, value: str) -> None:
    file.write_text(value)


async def test_the_key_is_sent_as_bearer(upstream: Upstream, tmp_path: Path, key: Path) -> None:
    async with model_at(upstream.url, tmp_path, api_key_file=KEY) as model:
        await model.complete(HELLO)
    assert upstream.headers[0]["Authorization"] == "Bearer first"


async def test_azure_has_a_header_of_its_own_for_the_key(
    upstream: Upstream, tmp_path: Path, key: Path
) -> None:
    async with model_at(upstream.url, tmp_path, api_key_file=KEY, type="Azure") as model:
        await model.complete(HELLO)
    assert upstream.headers[0]["api-key"] == "first"
    assert "Authorization" not in upstream.headers[0]


async def test_headers_are_sent_from_values_and_files(upstream: Upstream, tmp_path: Path, key: Path) -> None:
    headers: Sequence[Header] = (Header(name="X-Team", value="a"), Header(name="X-Key", value_file=KEY))
    async with model_at(upstream.url, tmp_path, headers=tuple(headers)) as model:
        await model.complete(HELLO)
    assert (upstream.headers[0]["X-Team"], upstream.headers[0]["X-Key"]) == ("a", "first")


async def test_a_replaced_key_is_used_by_the_next_call(upstream: Upstream, tmp_path: Path, key: Path) -> None:
    async with model_at(upstream.url, tmp_path, api_key_file=KEY) as model:
        await model.complete(HELLO)
        rotate(key, "the second")
        await streamed(model)
    assert [headers["Authorization"] for headers in upstream.headers] == ["Bearer first", "Bearer the second"]


async def test_a_refused_key_is_read_again_and_tried_once_more(
    upstream: Upstream, tmp_path: Path, key: Path
) -> None:
    async def refuse_and_rotate(request: object) -> object:
        rotate(key, "the second")
        return await failing(401)(request)  # type: ignore[arg-type]  # only passed on

    upstream.behaviours = [refuse_and_rotate, failing(401)]  # type: ignore[list-item]  # as above
    async with model_at(upstream.url, tmp_path, api_key_file=KEY) as model:
        error = await failure_of(model)
        assert str(error) == "provider team-a/openai answered 401"
        rotate(key, "the third")
        assert (await model.complete(HELLO)).text == "Good day."
    assert [headers["Authorization"] for headers in upstream.headers] == [
        "Bearer first",
        "Bearer the second",
        "Bearer the third",
    ]


@pytest.mark.parametrize("member", ["api_key_file", "ca_bundle_file"])
async def test_a_missing_secret_is_told(upstream: Upstream, tmp_path: Path, member: str) -> None:
    async with model_at(upstream.url, tmp_path, **{member: KEY}) as model:
        error = await failure_of(model)
    assert str(error) == (
        f"provider team-a/openai cannot be asked: secret file {KEY} cannot be read: No such file or directory"
    )
    assert (error.fault, len(upstream.bodies)) == ("no_key", 0)


async def test_time_to_connect_is_limited(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    timeouts = Timeouts(connect=0.05, first_token=QUICK.first_token, total=QUICK.total)
    async with model_at(upstream.url, tmp_path, timeouts=timeouts, retries=1) as model:
        monkeypatch.setattr("aiohttp.TCPConnector._create_connection", never)
        error = await failure_of(model)
    assert str(error) == "provider team-a/openai did not answer within 0.05 s (timeouts.connect)"
    assert error.retryable


async def test_one_who_leaves_ends_the_call(model: ModelClient, upstream: Upstream) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    call = asyncio.create_task(model.complete(HELLO))
    await upstream.asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await happens(upstream.abandoned)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("x", None),
        ("-1", 0.0),
        ("2.5", 2.5),
        ("Thu, 01 Jan 1970 00:01:30 GMT", 30.0),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 0.0),
        ("Thu, 99 Jan 1970 00:00:30 GMT", None),
    ],
)
def test_retry_after_in_both_of_its_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=lambda: 60.0) == seconds


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://a.example/v1", "https://a.example/v1/chat/completions"),
        ("https://a.example/v1/", "https://a.example/v1/chat/completions"),
        (
            "https://a.example/openai/v1?api-version=preview",
            "https://a.example/openai/v1/chat/completions?api-version=preview",
        ),
    ],
)
def test_the_address_of_a_route(base: str, url: str) -> None:
    assert address(base, "/chat/completions") == url
