"""The client without `await`, against a server in another thread."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from gagarin.client import Done, Event, Interrupted, NotFound, SettingsError, SyncClient, Token
from tests.unit.client.instance import Behaviour, Instance, event, refusing, saying, threaded, writing

ANSWER = {"answer": "Good day.", "conversation": "c1"}


@pytest.fixture
def served() -> Iterator[Instance]:
    """An Instance that this thread does not serve."""
    server = Instance()
    with threaded(server):
        yield server


def test_it_answers_like_the_other_one(served: Instance) -> None:
    summary = {"id": "c1", "created_at": "x", "updated_at": "x"}
    served.behaviours = [
        saying(ANSWER),
        saying({"conversations": [], "before": None}),
        saying(summary | {"messages": []}),
        saying(None, 204),
        saying({"conversations": 2}),
        saying({"days": []}),
        refusing(404),
    ]
    with SyncClient(served.url, "t") as client:
        assert client.chat("Hello").answer == "Good day."
        assert client.conversations().conversations == ()
        assert client.read("c1").id == "c1"
        client.delete("c1")
        assert client.delete_all() == 2
        assert client.usage() == ()
        with pytest.raises(NotFound):
            client.read("c1")


def test_a_stream_is_an_iterator(served: Instance) -> None:
    whole = (event(1, "token", {"text": "Good "}), event(2, "token", {"text": "day."}), event(3, "done", {}))
    served.behaviours = [writing(*whole, Gagarin_Conversation="c1"), writing(*whole)]
    with SyncClient(served.url, "t") as client:
        with client.stream("Hello") as stream:
            assert list(stream) == [Token("Good "), Token("day."), Done()]
            assert stream.conversation == "c1"
        assert "".join(client.stream("Hello").text()) == "Good day."


def test_several_threads_use_one_client(served: Instance) -> None:
    served.behaviours = [saying(ANSWER)] * 8
    with SyncClient(served.url, "t") as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(client.chat, ["Hello"] * 8))
    assert {each.answer for each in answers} == {"Good day."}


def test_its_thread_ends_with_the_block_and_it_can_be_opened_again(served: Instance) -> None:
    served.behaviours = [saying(ANSWER)] * 2
    client = SyncClient(served.url, "t")
    for _ in range(2):
        with client:
            client.chat("Hello")
        assert "gagarin-client" not in [each.name for each in threading.enumerate()]
    with pytest.raises(SettingsError, match="`with` block"):
        client.chat("Hello")


def hanging(begun: Callable[[], None], gone: threading.Event) -> Behaviour:
    """An answer that never comes. `gone` is set when nobody waits for it any more."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        begun()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return response

    return behave


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Ctrl-C in the moment in which it wakes nobody: the thread that waits is not the one that takes it."""
    # A program that a shell runs in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_an_answer_on_the_other_side_too_and_the_client_goes_on(
    served: Instance, interrupt: Callable[[], None]
) -> None:
    gone = threading.Event()
    served.behaviours = [hanging(interrupt, gone), saying(ANSWER)]
    with SyncClient(served.url, "t") as client:
        with pytest.raises(KeyboardInterrupt), client.stream("Hello") as stream:
            next(iter(stream))
        assert gone.wait(60)
        assert client.chat("Hello").answer == "Good day."


def test_ctrl_c_ends_an_answer_also_while_the_question_is_handed_over(served: Instance) -> None:
    begun, gone = threading.Event(), threading.Event()
    served.behaviours = [hanging(begun.set, gone), saying(ANSWER)]
    with SyncClient(served.url, "t") as client:
        assert client._loop is not None
        hand_over = client._loop.call_soon_threadsafe

        def interrupted(work: Callable[[], object]) -> asyncio.Handle:
            del client._loop.call_soon_threadsafe  # type: ignore[union-attr]
            hand_over(work)
            assert begun.wait(60)
            raise KeyboardInterrupt

        client._loop.call_soon_threadsafe = interrupted  # type: ignore[method-assign, assignment]
        with pytest.raises(KeyboardInterrupt), client.stream("Hello") as stream:
            next(iter(stream))
        assert gone.wait(60)
        assert client.chat("Hello").answer == "Good day."


def test_ctrl_c_before_the_question_was_handed_over_leaves_nothing(served: Instance) -> None:
    served.behaviours = [saying(ANSWER)]
    with SyncClient(served.url, "t") as client:
        assert client._loop is not None

        def interrupted(_: Callable[[], object]) -> asyncio.Handle:
            del client._loop.call_soon_threadsafe  # type: ignore[union-attr]
            raise KeyboardInterrupt

        client._loop.call_soon_threadsafe = interrupted  # type: ignore[method-assign, assignment]
        with pytest.raises(KeyboardInterrupt):
            client.chat("Hello")
        assert client.chat("Hello").answer == "Good day."
    assert len(served.requests) == 1


def test_a_thread_that_still_waits_when_the_client_is_closed_is_told(served: Instance) -> None:
    begun, gone = threading.Event(), threading.Event()
    served.behaviours = [hanging(begun.set, gone)]
    with ThreadPoolExecutor(1) as pool:
        with SyncClient(served.url, "t") as client:
            waiting = pool.submit(client.chat, "Hello")
            assert begun.wait(60)
        with pytest.raises(Interrupted, match="closed"):
            waiting.result(30)
    assert gone.wait(60)


def test_a_read_that_is_long_on_its_way_out_after_ctrl_c_does_not_keep_the_stream_from_being_closed(
    served: Instance, interrupt: Callable[[], None]
) -> None:
    async def lingering() -> AsyncGenerator[Event, None]:
        try:
            interrupt()
            await asyncio.Event().wait()
            yield Token("never")
        finally:
            for _ in range(1000):
                await asyncio.sleep(0)

    with SyncClient(served.url, "t") as client:
        stream = client.stream("Hello")
        stream._stream._events = lingering()
        with pytest.raises(KeyboardInterrupt), stream:
            next(iter(stream))
