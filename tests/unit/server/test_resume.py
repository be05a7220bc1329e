"""A stream outlives its connection for a moment: nothing is lost, nothing is said twice, nothing stays
behind.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gagarin.server import listeners, recording, resume
from gagarin.server.resume import Streams
from tests.unit.server.serving import Api, Waits, serving
from tests.unit.server.upstream import DONE, FINISH, USED, Upstream, piece, silent, sse, writing
from tests.unit.server.waiting import happens, until

WORDS = [f"word {number} " for number in range(20)]
REST = sse(*(piece(word) for word in WORDS), FINISH, USED, DONE)
LAST = 4  # the first word, the others, which come in one read, what was used, and the end


@pytest.fixture
async def api(upstream: Upstream, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(upstream, tmp_path) as made:
        yield made


def in_two_parts(upstream: Upstream, rest: bytes = REST) -> None:
    """The next answer: a word, then the rest once the test lets it."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = await writing(sse(piece("first ")))(request)
        await upstream.proceed.wait()
        await response.write(rest)
        return response

    upstream.behaviours = [behave]


def streams_of(api: Api) -> Streams:
    return api.made._streams


def ids(text: str) -> list[int]:
    return [int(line.rpartition(".")[2]) for line in text.splitlines() if line.startswith("id: ")]


def told(text: str) -> str:
    """What the tokens of a stream say."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return "".join(msgspec.json.decode(one).get("text", "") for one in data)


async def first_event(response: aiohttp.ClientResponse) -> str:
    """The id of the first event."""
    event = (await response.content.readuntil(b"\n\n")).decode()
    return event.rpartition("id: ")[2].strip()


async def broken_off(api: Api, **body: Any) -> str:
    """Begin a stream, read one event, go away: the event's id."""
    async with api.post("/stream", {"input": "Hello", **body}) as response:
        event = await first_event(response)
        response.close()

    async def noticed() -> bool:
        return bool(streams_of(api)._unread)

    await until(noticed)
    return event


async def resumed(api: Api, event: str, method: str = "GET", name: str = "caller") -> tuple[int, str]:
    headers = api.headers(name, **{"Last-Event-ID": event})
    body: dict[str, Any] = {"json": {"input": "Hello"}} if method == "POST" else {}
    async with api.session.request(method, api.url + "/stream", headers=headers, **body) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_was_missed_follows_and_then_what_comes(api: Api, upstream: Upstream, method: str) -> None:
    in_two_parts(upstream)
    event = await broken_off(api)
    going_on = asyncio.create_task(resumed(api, event, method))
    upstream.proceed.set()
    status, text = await going_on
    assert (status, ids(text)) == (200, list(range(2, LAST + 1)))
    assert told(text) == "".join(WORDS)
    assert "event: done" in text
    assert len(upstream.bodies) == 1
    assert not upstream.abandoned.is_set()


async def test_an_answer_that_was_completed_meanwhile_can_be_read_again_from_any_event(
    api: Api, upstream: Upstream
) -> None:
    in_two_parts(upstream)
    event = await broken_off(api)
    upstream.proceed.set()

    async def over() -> bool:
        return not streams_of(api)._tasks

    await until(over)
    name = event.rpartition(".")[0]
    for number in (0, 1, 2, LAST):
        assert ids((await resumed(api, f"{name}.{number}"))[1]) == list(range(number + 1, LAST + 1))
    (found,) = (await api.call("GET", "/conversations"))[1]["conversations"]
    messages = (await api.call("GET", f"/conversations/{found['id']}"))[1]["messages"]
    assert messages[1]["content"] == "first " + "".join(WORDS)


async def test_a_resumed_stream_names_its_conversation(api: Api, upstream: Upstream) -> None:
    in_two_parts(upstream)
    event = await broken_off(api)
    upstream.proceed.set()
    headers = api.headers(**{"Last-Event-ID": event})
    async with api.session.get(api.url + "/stream", headers=headers) as response:
        assert f'"conversation":"{response.headers["Gagarin-Conversation"]}"' in await response.text()


async def test_a_reader_that_comes_back_while_its_old_connection_still_stands_takes_over(
    api: Api, upstream: Upstream
) -> None:
    in_two_parts(upstream)
    async with api.post("/stream", {"input": "Hello"}) as old:
        event = await first_event(old)
        headers = api.headers(**{"Last-Event-ID": event})
        async with api.session.get(api.url + "/stream", headers=headers) as new:
            with pytest.raises(aiohttp.ClientPayloadError):
                await old.content.read()
            upstream.proceed.set()
            assert ids(await new.text()) == list(range(2, LAST + 1))


@pytest.mark.parametrize(
    "event",
    [
        "",
        "nonsense",
        ".1",
        "{stream}.",
        f"{{stream}}.{LAST + 1}",
        "{stream}.-1",
        "{stream}.²",
        "{stream}.9999999999999",
    ],
)
async def test_an_event_of_no_stream_is_a_404(api: Api, upstream: Upstream, event: str) -> None:
    in_two_parts(upstream)
    stream = (await broken_off(api)).rpartition(".")[0]
    upstream.proceed.set()
    name = event.format(stream=stream).encode().decode("latin-1")
    assert (await resumed(api, name))[0] == 404


async def test_somebody_else_s_stream_is_unknown(api: Api, upstream: Upstream) -> None:
    in_two_parts(upstream)
    event = await broken_off(api)
    assert (await resumed(api, event, name="other"))[0] == 404
    upstream.proceed.set()
    assert (await resumed(api, event))[0] == 200


async def test_a_get_without_an_event_is_told_what_is_missing(api: Api) -> None:
    status, problem = await api.call("GET", "/stream")
    assert (status, problem["errors"][0]["pointer"]) == (400, "Last-Event-ID")


async def test_nobody_comes_back_in_time_and_the_model_call_is_stopped(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with serving(upstream, tmp_path, waits=Waits(resume_seconds=0.1)) as api:
        in_two_parts(upstream)
        event = await broken_off(api)
        await happens(upstream.abandoned, 20)
        assert (await resumed(api, event))[0] == 404
        streams = streams_of(api)
        assert [streams._tasks, streams._known, list(streams._held), streams._unread] == [{}, {}, [], set()]
        assert streams._size == 0


async def test_an_answer_that_is_over_is_forgotten_after_its_time(upstream: Upstream, tmp_path: Path) -> None:
    async with serving(upstream, tmp_path, waits=Waits(resume_seconds=0.05)) as api:
        await api.call("POST", "/stream", {"input": "Hello"})
        streams = streams_of(api)

        async def forgotten() -> bool:
            return not (streams._known or streams._held or streams._size)

        await until(forgotten)


async def test_without_a_window_the_model_call_stops_with_the_connection(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with serving(upstream, tmp_path, waits=Waits(resume_seconds=0.0)) as api:
        in_two_parts(upstream)
        async with api.post("/stream", {"input": "Hello"}) as response:
            event = await first_event(response)
            response.close()
        await happens(upstream.abandoned, 20)
        assert (await resumed(api, event))[0] == 404
        await api.call("POST", "/stream", {"input": "Hello"})
        assert [streams_of(api)._known, list(streams_of(api)._held)] == [{}, []]


async def test_one_who_leaves_before_the_first_event_stops_the_model_call_at_once(
    api: Api, upstream: Upstream
) -> None:
    upstream.behaviours = [silent(upstream.proceed)]
    call = asyncio.create_task(api.call("POST", "/stream", {"input": "Hello"}))
    await upstream.asked.wait()
    call.cancel()
    await happens(upstream.abandoned, 20)


async def test_a_conversation_that_goes_on_does_not_wait_for_an_answer_that_nobody_reads(
    api: Api, upstream: Upstream
) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "Hello"})
    in_two_parts(upstream)
    await broken_off(api, conversation=answer["conversation"])
    body = {"input": "Never mind", "conversation": answer["conversation"]}
    async with asyncio.timeout(20):
        assert (await api.call("POST", "/chat", body))[0] == 200
    assert upstream.abandoned.is_set()


async def test_a_question_that_is_refused_gives_no_answer_up(api: Api, upstream: Upstream) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "Hello"})
    in_two_parts(upstream)
    event = await broken_off(api, conversation=answer["conversation"])
    body = {"input": "Never mind", "conversation": answer["conversation"]}
    assert (await api.call("POST", "/chat", body, headers={"Idempotency-Key": "\u00e9"}))[0] == 400
    going_on = asyncio.create_task(resumed(api, event))
    upstream.proceed.set()
    assert "event: done" in (await going_on)[1]


async def test_while_nobody_reads_the_model_waits_instead_of_events_being_lost(
    api: Api, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "UNREAD_BYTES", 1000)
    monkeypatch.setattr(recording, "STREAM_BYTES", 20_000)
    texts = [f"{number:0500}" for number in range(100)]
    parts = [sse(piece(text)) for text in texts]
    written: list[int] = []

    async def much(request: web.Request) -> web.StreamResponse:
        response = await writing(sse(piece("first ")))(request)
        await upstream.proceed.wait()
        for number, part in enumerate(parts):
            await response.write(part)
            written.append(number)
            await asyncio.sleep(0.001)
        await response.write(sse(FINISH, DONE))
        return response

    upstream.behaviours = [much]
    event = await broken_off(api)
    (live,) = streams_of(api)._unread
    upstream.proceed.set()

    async def waits() -> bool:
        return live._unread > 1000

    await until(waits)
    status, text = await resumed(api, event)
    assert (status, ids(text)) == (200, list(range(2, live.last + 1)))
    assert told(text) == "".join(texts)
    assert live.recording.size <= 20_000


async def test_a_reader_that_takes_its_time_to_catch_up_is_not_taken_for_nobody(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "SEND_BUFFER", 4096)
    words = [piece("x" * 1000)] * 40
    upstream.behaviours = [writing(sse(piece("first ")), *map(sse, words), hold=upstream.proceed)]
    async with serving(upstream, tmp_path) as api:
        event = await broken_off(api)
        streams = streams_of(api)
        (live,) = streams._unread

        async def much() -> bool:
            return live.recording.size > 30_000

        async def catching_up() -> bool:
            server = api.listener._runner.server
            return server is not None and any(each.writing_paused for each in server.connections)

        async def nobody() -> bool:
            return streams._unread == {live}

        await until(much)
        with closing(socket.socket()) as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", int(api.url.rpartition(":")[2])))
            head = [f"{name}: {text}" for name, text in api.headers(**{"Last-Event-ID": event}).items()]
            reader.sendall("\r\n".join(["GET /stream HTTP/1.1", "Host: test", *head, "", ""]).encode())
            await until(catching_up)
            assert not await nobody()
            assert live.timer is not None
            assert live.timer.cancelled()
        await until(nobody)
        going_on = asyncio.create_task(resumed(api, event))
        upstream.proceed.set()
        status, text = await going_on
    assert (status, ids(text)) == (200, list(range(2, live.last + 1)))


async def test_a_reader_that_missed_too_much_is_told_so(
    api: Api, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "STREAM_BYTES", 200)
    in_two_parts(upstream)
    event = await broken_off(api)
    upstream.proceed.set()

    async def over() -> bool:
        return not streams_of(api)._tasks

    await until(over)
    assert (await resumed(api, event))[0] == 410
    name = event.rpartition(".")[0]
    assert ids((await resumed(api, f"{name}.{LAST - 1}"))[1]) == [LAST]


async def test_all_streams_together_hold_no_more_than_they_may(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "TOTAL_BYTES", 1000)
    for _ in range(10):
        await api.call("POST", "/stream", {"input": "Hello"})
    streams = streams_of(api)
    assert streams._size == sum(live.recording.size for live in streams._known.values()) <= 1000
    assert len(streams._known) == 10


async def test_what_nobody_waits_for_is_stopped_at_the_end(api: Api, upstream: Upstream) -> None:
    in_two_parts(upstream)
    await broken_off(api)
    await api.made.close()
    await happens(upstream.abandoned, 20)
    assert not streams_of(api)._tasks


async def test_a_repeated_request_goes_on_with_its_stream_whatever_its_body_says(
    api: Api, upstream: Upstream
) -> None:
    _, answer = await api.call("POST", "/chat", {"input": "Hello"})
    body = {"input": "Hello", "conversation": answer["conversation"]}
    in_two_parts(upstream)
    event = await broken_off(api, **body)
    upstream.proceed.set()
    async with api.post("/stream", body, **{"Last-Event-ID": event}) as response:
        assert ids(await response.text()) == list(range(2, LAST + 1))
    assert len(upstream.bodies) == 2


async def test_a_failure_while_nobody_reads_is_told_to_who_comes_back(api: Api, upstream: Upstream) -> None:
    upstream.behaviours = [writing(sse(piece("first ")), hold=upstream.proceed, cut=True)]
    event = await broken_off(api)
    upstream.proceed.set()
    status, text = await resumed(api, event)
    assert (status, text.startswith("event: error")) == (200, True)
