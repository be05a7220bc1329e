"""Messages over a Unix socket, both ways, in any order and from any kind of program."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gagarin.server.tools.mcp.faults import McpFault, Nonsense, Refused, Unreachable
from gagarin.server.tools.mcp.link import Outgoing
from gagarin.server.tools.mcp.socket import SocketLink
from gagarin.serving.logs import Log
from tests.unit.server.waiting import happens, until

CALL = Outgoing("tools/call", {"name": "echo"})


class Program:
    """A server behind a socket: reads lines, and says what it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []
        self.output: asyncio.StreamWriter
        self.ended = asyncio.Event()
        self._server: asyncio.Server

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Be gone."""
        self._server.close()
        if hasattr(self, "output"):
            self.output.close()
            await self.ended.wait()

    async def got(self, count: int) -> list[dict[str, Any]]:
        """The first lines that came, when there are as many."""

        async def enough() -> bool:
            return len(self.lines) >= count

        await until(enough)
        return self.lines

    def say(self, data: bytes) -> None:
        """Write."""
        self.output.write(data)

    def answer(self, number: int, text: str = "") -> None:
        """A result."""
        self.say(b'{"jsonrpc":"2.0","id":%d,"result":"%b"}\n' % (number, text.encode()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.output = writer
        try:
            while line := await reader.readline():
                self.lines.append(msgspec.json.decode(line))
        finally:
            self.ended.set()


class Joined:
    """A program, a link to it, and what came of it."""

    def __init__(self, path: Path) -> None:
        self.program = Program(path)
        self.heard: list[str] = []
        self.sink = io.BytesIO()
        self.link = SocketLink(path, "team-a/tool", self.heard.append, Log("info", self.sink))

    def ask(self) -> asyncio.Task[bytes]:
        return asyncio.create_task(self._asked())

    async def _asked(self) -> bytes:
        return bytes(await self.link.request(CALL))


@pytest.fixture
async def joined(tmp_path: Path) -> AsyncIterator[Joined]:
    both = Joined(tmp_path / "s")
    await both.program.start()
    await both.link.open()
    yield both
    await both.link.close(farewell=True)
    await both.program.stop()


async def fails(waiting: Awaitable[Any], kind: type[McpFault], words: str) -> None:
    with pytest.raises(McpFault, match=words) as caught:
        async with asyncio.timeout(60):
            await waiting
    assert type(caught.value) is kind


async def test_answers_find_their_requests_in_any_order(joined: Joined) -> None:
    first, second = joined.ask(), joined.ask()
    lines = await joined.program.got(2)
    assert [(line["id"], line["method"]) for line in lines] == [(1, "tools/call"), (2, "tools/call")]
    joined.program.answer(2, "second")
    joined.program.answer(1, "first")
    assert (await first, await second) == (b'"first"', b'"second"')


async def test_what_answers_nothing_is_dropped(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    for text in (b'{"id":99,"result":1}', b'{"id":"1","result":1}', b'{"id":null,"result":1}'):
        joined.program.say(text + b"\n")
    joined.program.answer(1, "first")
    joined.program.answer(1, "again")
    assert await asked == b'"first"'
    joined.program.answer(1, "late")
    again = joined.ask()
    await joined.program.got(2)
    joined.program.answer(2)
    await again


async def test_words_on_the_output_are_passed_over_and_said_once(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    joined.program.say(b"Listening...\n\xff\xfe\n\n[1,2]\n{}\n" + b"x" * 70_000 + b"\n")
    joined.program.answer(1, "yes")
    assert await asked == b'"yes"'
    await asyncio.sleep(0)
    assert joined.sink.getvalue().count(b"breaks the protocol") == 1


async def test_an_error_is_passed_on_and_one_without_id_is_logged(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    joined.program.say(b'{"id":null,"error":{"code":-32700,"message":"cannot read"}}\n')
    joined.program.say(b'{"id":1,"error":{"code":-32602,"message":"no such tool"}}\n')
    await fails(asked, Refused, "no such tool")
    await asyncio.sleep(0)
    assert b"cannot read" in joined.sink.getvalue()


async def test_the_servers_own_requests_are_answered_and_notifications_heard(joined: Joined) -> None:
    joined.program.output = await connected(joined)
    joined.program.say(b'{"id":"p","method":"ping"}\n{"id":7,"method":"roots/list"}\n')
    joined.program.say(b'{"method":"notifications/tools/list_changed"}\n')
    lines = {line["id"]: line for line in (await joined.program.got(3))[1:]}
    assert lines["p"]["result"] == {}
    assert lines[7]["error"]["code"] == -32601
    assert joined.heard == ["notifications/tools/list_changed"]


async def connected(joined: Joined) -> asyncio.StreamWriter:
    """The program's output, once it knows of the connection."""
    await joined.link.notify("notifications/initialized")
    await joined.program.got(1)
    return joined.program.output


async def test_a_line_that_is_too_long_fails_the_request_that_it_answers(joined: Joined) -> None:
    first, second = joined.ask(), joined.ask()
    await joined.program.got(2)
    joined.program.say(b'{"jsonrpc":"2.0","id":2,"result":"' + b"x" * 10_000_000 + b'"}\n')
    await fails(second, Nonsense, "more than 4194304 bytes")
    joined.program.answer(1, "short")
    assert await first == b'"short"'


async def test_a_long_line_that_does_not_say_what_it_answers_fails_all(joined: Joined) -> None:
    first, second = joined.ask(), joined.ask()
    await joined.program.got(2)
    joined.program.say(b"x" * 5_000_000)
    await fails(first, Nonsense, "more than")
    await fails(second, Nonsense, "more than")
    joined.program.say(
        b'\n{"id":77,"method":"ping"}\n{"jsonrpc":"2.0","id":99,"result":"' + b"x" * 5_000_000 + b"\n"
    )
    assert (await joined.program.got(3))[2] == {"jsonrpc": "2.0", "id": 77, "result": {}}


async def test_a_request_that_nobody_waits_for_is_cancelled(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    asked.cancel()
    (_, cancelled) = await joined.program.got(2)
    assert cancelled["method"] == "notifications/cancelled"
    assert cancelled["params"]["requestId"] == 1
    greeting = asyncio.create_task(joined.link.request(Outgoing("initialize", {}, cancellable=False)))
    await joined.program.got(3)
    greeting.cancel()
    await joined.link.notify("end")
    assert (await joined.program.got(4))[3]["method"] == "end"


async def test_a_program_that_ends_fails_what_waits_and_what_comes_after(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    joined.program.output.close()
    with pytest.raises(Unreachable, match="closed the connection") as caught:
        await asked
    assert caught.value.delivered
    await fails(joined.link.lost(), Unreachable, "closed the connection")
    with pytest.raises(Unreachable) as caught:
        await joined.link.request(CALL)
    assert not caught.value.delivered
    await fails(joined.link.notify("x"), Unreachable, "closed the connection")


async def test_a_connection_that_is_reset_is_lost(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    joined.program.output.transport.abort()
    await fails(asked, Unreachable, "closed the connection")


async def test_a_connection_that_breaks_shows_when_it_is_written_to(joined: Joined) -> None:
    async def write_on() -> None:
        while True:
            await joined.link.notify("x" * 1_000_000)

    assert joined.link._output is not None
    joined.link._output.transport.abort()
    await fails(write_on(), Unreachable, "closed the connection")


async def test_closing_ends_the_programs_input(joined: Joined) -> None:
    asked = joined.ask()
    await joined.program.got(1)
    await joined.link.close(farewell=True)
    await fails(asked, Unreachable, "was closed")
    await happens(joined.program.ended)


async def test_a_socket_that_is_not_there_is_said(tmp_path: Path) -> None:
    link = SocketLink(tmp_path / "none", "team-a/tool", print, Log("info", io.BytesIO()))
    await fails(link.open(), Unreachable, "sidecar cannot be reached: no such file")
    await fails(link.notify("x"), Unreachable, "closed")
    await link.close(farewell=True)


async def test_a_mistake_of_ours_ends_the_link_and_is_logged(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("ours")

    asked = joined.ask()
    await joined.program.got(1)
    take: Callable[[object], None] = broken
    monkeypatch.setattr(joined.link, "_take", take)
    joined.program.answer(1)
    await fails(asked, Unreachable, "the connection to its server broke")
    await asyncio.sleep(0)
    assert b"RuntimeError" in joined.sink.getvalue()
