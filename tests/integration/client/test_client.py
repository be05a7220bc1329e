"""The client at a real chat server, and the examples of its page."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from aiohttp import web

from gagarin.client import (
    Client,
    ConnectionFailed,
    Done,
    Forbidden,
    Interrupted,
    InvalidRequest,
    NotFound,
    SyncClient,
    Token,
    TooManyRequests,
    Unauthenticated,
    Usage,
)
from gagarin.core.config import Limits
from tests.integration.server.conftest import Start
from tests.unit.server.apiserver import ApiServer
from tests.unit.server.upstream import DONE, FINISH, USED, Upstream, answering, piece, sse

PAGE = Path(__file__).parents[3] / "docs/python-sdk.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


async def test_a_conversation_is_made_read_and_erased(start: Start, api: ApiServer) -> None:
    server = await start()
    async with Client(server.url, api.issuer.token()) as client:
        first = await client.chat("Hello")
        assert (first.answer, first.usage) == ("Good day.", Usage(7, 3, 10))
        assert first.conversation is not None
        async with client.stream("Again", conversation=first.conversation) as stream:
            events = [event async for event in stream]
            assert stream.conversation == first.conversation
        assert "".join(event.text for event in events if isinstance(event, Token)) == "Good day."
        assert events[-2:] == [Usage(7, 3, 10), Done(first.conversation)]
        found = await client.read(first.conversation)
        assert [message.content for message in found.messages] == ["Hello", "Good day.", "Again", "Good day."]
        assert [each.id for each in (await client.conversations()).conversations] == [first.conversation]
        await client.delete(first.conversation)
        with pytest.raises(NotFound, match=first.conversation):
            await client.read(first.conversation)
        assert await client.delete_all() == 0


async def test_a_repeated_key_gets_the_first_answer(start: Start, api: ApiServer, upstream: Upstream) -> None:
    server = await start()
    async with Client(server.url, api.issuer.token()) as client:
        answers = [await client.chat("Hello", idempotency_key="one") for _ in range(2)]
        with pytest.raises(InvalidRequest, match="Idempotency-Key") as caught:
            await client.chat("Another", idempotency_key="one")
    assert answers[0] == answers[1]
    assert len(upstream.bodies) == 1
    assert caught.value.slug == "idempotency-mismatch"


async def test_end_users_have_conversations_of_their_own(start: Start, api: ApiServer) -> None:
    server = await start()
    token = api.issuer.token()
    async with (
        Client(server.url, token, end_user="ann") as ann,
        Client(server.url, token, end_user="ben") as ben,
    ):
        answer = await ann.chat("Hello")
        assert answer.conversation is not None
        with pytest.raises(NotFound):
            await ben.read(answer.conversation)
        assert (await ben.conversations()).conversations == ()


async def test_refusals_are_told_apart(start: Start, api: ApiServer) -> None:
    server = await start(limits=Limits(requests_per_minute=1))
    async with Client(server.url, api.issuer.token(aud=["another.team-a.svc"])) as client:
        with pytest.raises(Unauthenticated, match="audience"):
            await client.chat("Hello")
    async with Client(server.url, api.issuer.token("stranger")) as client:
        with pytest.raises(Forbidden, match="stranger"):
            await client.chat("Hello")
    async with Client(server.url, api.issuer.token()) as client:
        with pytest.raises(InvalidRequest, match="it is empty"):
            await client.chat(" ")
        await client.chat("Hello")
        with pytest.raises(TooManyRequests) as caught:
            await client.chat("Hello")
    assert (caught.value.retry_after or 0) > 30


class Cutting:
    """A proxy that cuts the first `left` connections as soon as a text that came over them was `read`."""

    def __init__(self, port: int, times: int) -> None:
        self._port = port
        self.left = times
        self.read = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upward, downward = await asyncio.open_connection("127.0.0.1", self._port)
        sending = asyncio.create_task(self._pass_on(reader, downward))
        while data := await upward.read(65536):
            writer.write(data)
            if self.left and b"data: " in data:
                await self.read.wait()
                self.left -= 1
                break
        for each in (writer, downward):
            each.close()
        sending.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)


async def test_a_stream_survives_a_cut_connection(start: Start, api: ApiServer, upstream: Upstream) -> None:
    words = [f"{number} " for number in range(50)]
    go_on = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in words:
            await response.write(sse(piece(word)))
            await go_on.wait()
        await response.write(sse(FINISH, USED, DONE))
        return response

    upstream.behaviours = [slowly]
    server = await start()
    cutting = Cutting(int(server.url.rpartition(":")[2]), times=1)
    proxy = await asyncio.start_server(cutting, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    async with proxy, Client(url, api.issuer.token()) as client:
        stream, texts = client.stream("Count"), []
        async for event in stream:
            if isinstance(event, Token):
                texts.append(event.text)
                cutting.read.set()
                go_on.set()
    assert "".join(texts) == "".join(words)
    assert cutting.left == 0
    assert len(upstream.bodies) == 1


async def test_a_server_that_ends_is_not_there(start: Start, api: ApiServer) -> None:
    server = await start()
    async with Client(server.url, api.issuer.token(), attempts=1) as client:
        await client.chat("Hello")
        await server.stop()
        with pytest.raises((ConnectionFailed, Interrupted)):
            await client.chat("Hello")


async def test_a_token_file_is_followed(start: Start, api: ApiServer, tmp_path: Path) -> None:
    server, file = await start(), tmp_path / "mounted"
    file.write_text("stale")
    async with Client(server.url, file) as client:
        with pytest.raises(Unauthenticated):
            await client.chat("Hello")
        (tmp_path / "new").write_text(api.issuer.token())
        (tmp_path / "new").rename(file)
        assert (await client.chat("Hello")).answer == "Good day."


async def test_the_other_client_does_the_same(start: Start, api: ApiServer) -> None:
    server = await start()

    def use() -> list[str]:
        with SyncClient(server.url, api.issuer.token()) as client:
            answer = client.chat("Hello")
            return [answer.answer, "".join(client.stream("Again", conversation=answer.conversation).text())]

    assert await asyncio.to_thread(use) == ["Good day.", "Good day."]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.strip().splitlines()[0])
async def test_an_example_of_the_page_works_as_it_stands(
    start: Start, api: ApiServer, upstream: Upstream, tmp_path: Path, example: str
) -> None:
    server = await start()
    upstream.behaviours = [answering("Good day.") for _ in range(9)]
    (tmp_path / "user-token").write_text(api.issuer.token())
    text = example.replace("http://127.0.0.1:8080", server.url).replace(
        "/run/token", str(tmp_path / "user-token")
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", text, stdout=PIPE, stderr=STDOUT, env={**os.environ}
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"Good day." in output


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 4
