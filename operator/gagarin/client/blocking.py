"""The same client for programs without an event loop.

It runs the asyncio client on a thread of its own with a loop of its own, instead of saying everything twice
over another HTTP library. Calls from several threads go on side by side.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from gagarin.client import address
from gagarin.client.address import TOKEN_FILE, TokenSource
from gagarin.client.answers import Answer, Conversation, ConversationPage, DayUsage, Event, Token
from gagarin.client.client import Client
from gagarin.client.errors import Interrupted, SettingsError
from gagarin.client.stream import Stream

T = TypeVar("T")

WAKE_SECONDS = 0.5


class _Call(Protocol):
    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


class _Errand(Generic[T]):
    """Work for the loop of the other thread. `begin` and `end` are called there, `result` here.

    `asyncio.run_coroutine_threadsafe` does not do: a Ctrl-C that arrives before it returns leaves work
    running that nobody can end.
    """

    def __init__(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._outcome: Future[T] = Future()
        self._work = work
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._tell)

    def end(self) -> None:
        """At any time, also when it did not begin."""
        if self._task is None:
            self._work.close()
        else:
            self._task.cancel()

    def result(self) -> T:
        """What came of it, or what a signal's handler raises. `Interrupted`, if the client was closed.

        A signal that arrives just before a thread begins to wait is not seen until the wait is over (CPython
        looks for it before, and the system call knows nothing of it). So no wait is a long one.
        """
        while True:
            try:
                return self._outcome.result(WAKE_SECONDS)
            except CancelledError:
                raise Interrupted("the client was closed") from None
            except TimeoutError:
                if self._outcome.done():
                    return self._outcome.result()
                if self._loop.is_closed():
                    raise Interrupted("the client was closed") from None

    def _tell(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._outcome.cancel()
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())


class SyncClient:
    """`Client` without `await`: the same arguments, the same answers, the same errors. A context manager."""

    def __init__(self, url: str, token: TokenSource, **options: Any) -> None:
        self._client = Client(url, token, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread()

    @classmethod
    def in_cluster(
        cls,
        instance: str,
        namespace: str | None = None,
        *,
        token: TokenSource = TOKEN_FILE,
        tls: bool = False,
        ca_file: Path | None = None,
        **options: Any,
    ) -> Self:
        """As `Client.in_cluster`."""
        found = address.in_cluster(instance, namespace, token=token, tls=tls, ca_file=ca_file)
        return cls(found.url, found.token, ca_file=found.ca_file, **options)

    def __enter__(self) -> Self:
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_serve, args=(loop,), name="gagarin-client", daemon=True)
        self._thread.start()
        self._call(self._client.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        if (loop := self._loop) is not None:
            self._loop = None
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    def chat(self, text: str, **options: Any) -> Answer:
        """As `Client.chat`."""
        return self._call(self._client.chat(text, **options))

    def stream(self, text: str, **options: Any) -> SyncStream:
        """As `Client.stream`."""
        return SyncStream(self._client.stream(text, **options), self._call)

    def conversations(self, *, limit: int = 100, before: str | None = None) -> ConversationPage:
        """As `Client.conversations`."""
        return self._call(self._client.conversations(limit=limit, before=before))

    def read(self, conversation: str, *, limit: int = 100, before: int | None = None) -> Conversation:
        """As `Client.read`."""
        return self._call(self._client.read(conversation, limit=limit, before=before))

    def delete(self, conversation: str) -> None:
        """As `Client.delete`."""
        self._call(self._client.delete(conversation))

    def delete_all(self) -> int:
        """As `Client.delete_all`."""
        return self._call(self._client.delete_all())

    def usage(self, days: int = 30) -> tuple[DayUsage, ...]:
        """As `Client.usage`."""
        return self._call(self._client.usage(days))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """What the other thread makes of it. Whoever is interrupted here (Ctrl-C) ends it there too."""
        if (loop := self._loop) is None:
            work.close()
            raise SettingsError("the client is not open: use it in a `with` block")
        errand = _Errand(work, loop)
        try:
            loop.call_soon_threadsafe(errand.begin)
            return errand.result()
        except BaseException:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(errand.end)
            raise

    async def _close(self) -> None:
        """End what other threads still wait for, and all connections."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await self._client.__aexit__(None, None, None)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """The thread: it ends, and closes the loop, when the loop is stopped."""
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


class SyncStream:
    """`Stream` as an ordinary iterator and context manager."""

    def __init__(self, stream: Stream, call: _Call) -> None:
        self._stream = stream
        self._call = call
        # Held on the other thread: a read that was interrupted here may still be on its way out there.
        self._turn = asyncio.Lock()

    @property
    def conversation(self) -> str | None:
        """Known with the first event."""
        return self._stream.conversation

    def __iter__(self) -> Iterator[Event]:
        while (event := self._call(self._next())) is not None:
            yield event

    def text(self) -> Iterator[str]:
        """The pieces of the text alone."""
        return (event.text for event in self if isinstance(event, Token))

    def close(self) -> None:
        """As `Stream.close`."""
        self._call(self._close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _next(self) -> Event | None:
        async with self._turn:
            return await anext(self._stream, None)

    async def _close(self) -> None:
        async with self._turn:
            await self._stream.close()
