"""OpenAPI tools: the document is got in the background, calls go where it says."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gagarin.core.config import OpenApi
from gagarin.server.tools import openapi, operations
from gagarin.server.tools.endpoint import CallFailed
from gagarin.server.tools.openapi import OpenApiTool, request_of
from gagarin.server.tools.operations import Operation, Parameter
from gagarin.server.tools.tool import Function, ToolResult
from tests.unit.server.tools.making import made
from tests.unit.server.tools.server import ToolServer, hanging, saying
from tests.unit.server.turning import context
from tests.unit.server.waiting import until

PET = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
DOCUMENT = {
    "openapi": "3.0.3",
    "servers": [{"url": "/api"}],
    "paths": {
        "/pets/{id}": {"get": {"operationId": "getPet", "parameters": [PET]}},
        "/pets": {
            "post": {
                "operationId": "addPet",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
            },
            "put": {"operationId": "putPet", "requestBody": {"required": True, "content": {"text/csv": {}}}},
        },
    },
}


@asynccontextmanager
async def tool_at(
    session: aiohttp.ClientSession,
    server: ToolServer,
    folder: Path,
    sink: io.BytesIO | None = None,
    **changed: Any,
) -> AsyncIterator[OpenApiTool]:
    """A tool that has begun to read the document."""
    allowed = changed.pop("allowed_functions", None)
    members = {"url": server.url + "/openapi.json", **changed}
    tool = made(session, folder, sink, type="OpenAPI", open_api=OpenApi(**members), allowed_functions=allowed)
    assert isinstance(tool, OpenApiTool)
    tool._pauses = (0.01, 0.02)
    await tool.start()
    try:
        yield tool
    finally:
        await tool.close()


async def names(tool: OpenApiTool) -> list[str]:
    return [one.name for one in await tool.functions()]


async def test_the_operations_of_the_document_are_functions(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path
) -> None:
    server.behaviours = [saying(DOCUMENT)]
    sink = io.BytesIO()
    async with tool_at(session, server, tmp_path, sink) as tool:
        assert await names(tool) == ["getPet", "addPet"]
        assert await tool.functions() is await tool.functions()
    assert b"an operation is not offered: its body is not JSON" in sink.getvalue()


async def test_calls_go_to_the_documents_server(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path
) -> None:
    server.behaviours = [saying(DOCUMENT)]
    async with tool_at(session, server, tmp_path) as tool:
        await tool.functions()
        assert await tool.call("getPet", {"id": 7}, context(trace={"traceparent": "00-a"})) == ToolResult(
            '{"ok":true}'
        )
        await tool.call("addPet", {"body": {"name": "Laika"}}, context())
        assert (await tool.call("gone", {}, context())).error
    _, get, post = server.got
    assert (get.method, get.path, get.headers["traceparent"]) == ("GET", "/api/pets/7", "00-a")
    assert (post.method, post.path, post.json) == ("POST", "/api/pets", {"name": "Laika"})


async def test_a_document_may_be_part_of_the_configuration(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path
) -> None:
    text = msgspec.json.encode({**DOCUMENT, "servers": [{"url": server.url}]}).decode()
    async with tool_at(session, server, tmp_path, url=None, document=text, operations=("getPet",)) as tool:
        assert await names(tool) == ["getPet"]
        assert not (await tool.call("getPet", {"id": 1}, context())).error
    assert [got.path for got in server.got] == ["/pets/1"]


async def test_functions_that_are_not_allowed_are_not_offered(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path
) -> None:
    server.behaviours = [saying(DOCUMENT)]
    async with tool_at(session, server, tmp_path, allowed_functions=("addPet",)) as tool:
        assert await names(tool) == ["addPet"]


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (saying("no", 503), "its server answered with status 503"),
        (saying("nonsense: ["), "it is neither JSON nor YAML"),
        (saying({"swagger": "2.0"}), "it is not an OpenAPI document of version 3"),
        (saying(b" " * (openapi.MAX_DOCUMENT_BYTES + 1)), "it is longer than"),
        (saying("", 302, Location="http://169.254.169.254/"), "it redirects to another server"),
    ],
)
async def test_a_document_that_cannot_be_had_is_logged_and_asked_for_again(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path, behaviour: Any, why: str
) -> None:
    server.behaviours = [behaviour, saying(DOCUMENT)]
    sink = io.BytesIO()

    async with tool_at(session, server, tmp_path, sink) as tool:

        async def there() -> bool:
            return bool(await tool.functions())

        await until(there)
    assert why.encode() in sink.getvalue()


async def test_an_api_that_was_down_at_start_is_there_once_it_is_up(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path
) -> None:
    await server.stop()
    async with tool_at(session, server, tmp_path) as tool:
        assert await names(tool) == []
        server.behaviours = [saying(DOCUMENT)]
        await server.start()

        async def there() -> bool:
            return await names(tool) == ["getPet", "addPet"]

        await until(there)


async def test_a_chat_does_not_wait_for_a_document_that_does_not_come(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openapi, "PATIENCE", 0.01)
    server.behaviours = [hanging]
    async with tool_at(session, server, tmp_path) as tool, asyncio.timeout(60):
        assert await names(tool) == []


async def test_a_document_is_read_again_and_what_changed_is_offered(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openapi, "REFRESH_SECONDS", 0.01)
    smaller = {**DOCUMENT, "paths": {"/pets": {"get": {"operationId": "listPets"}}}}
    server.behaviours = [saying(DOCUMENT), saying(DOCUMENT), saying("no", 500), *[saying(smaller)] * 100]
    async with tool_at(session, server, tmp_path) as tool:
        first = await tool.functions()

        async def changed() -> bool:
            found = await tool.functions()
            assert found is first or [one.name for one in found] == ["listPets"]
            return found is not first

        await until(changed)


async def test_a_document_that_breaks_its_reader_is_a_line_in_the_log(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(operations, "operations", broken)
    sink = io.BytesIO()
    async with tool_at(session, server, tmp_path, sink) as tool:
        assert await names(tool) == []
    assert b"an OpenAPI document broke its reader" in sink.getvalue()


async def test_a_failing_api_is_a_result(
    session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path
) -> None:
    server.behaviours = [saying(DOCUMENT)]
    async with tool_at(session, server, tmp_path) as tool:
        await tool.functions()
        await server.stop()
        result = await tool.call("getPet", {"id": 1}, context())
    assert result == ToolResult("The tool failed: it cannot be reached: connection refused.", error=True)


async def test_a_tool_that_never_started_is_closed_in_peace(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    await made(session, tmp_path, type="OpenAPI", open_api=OpenApi(url="http://x")).close()


def asked(place: str, value: Any, style: str = "form", *, explode: bool = True, json: bool = False) -> Any:
    """The request with one argument."""
    function = Function("op", "", {})
    parameters = (Parameter("x", "x", place, style, explode, json),)
    operation = Operation(
        function,
        "GET",
        "http://a.example/p/{x}" if place == "path" else "http://a.example/p",
        parameters,
        None,
    )
    return request_of(operation, {"x": value})


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a b", "/p/a%20b"),
        ("a/../b", "/p/a%2F..%2Fb"),
        (7, "/p/7"),
        ([1, 2], "/p/1%2C2"),
        ("{x}", "/p/%7Bx%7D"),
        ("?#", "/p/%3F%23"),
    ],
)
def test_values_stand_in_the_path_as_one_segment(value: Any, path: str) -> None:
    assert asked("path", value, "simple", explode=False).url.raw_path == path


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_means_another_path_is_refused(value: str) -> None:
    with pytest.raises(CallFailed):
        asked("path", value, "simple")


@pytest.mark.parametrize(
    ("value", "style", "explode", "query"),
    [
        ("a&b", "form", True, "x=a%26b"),
        (True, "form", True, "x=true"),
        ([1, "b"], "form", True, "x=1&x=b"),
        ([1, "b"], "form", False, "x=1%2Cb"),
        ([1, "b"], "pipeDelimited", False, "x=1%7Cb"),
        ([1, "b"], "spaceDelimited", False, "x=1%20b"),
        ({"a": 1, "b": 2}, "form", True, "a=1&b=2"),
        ({"a": 1, "b": 2}, "form", False, "x=a%2C1%2Cb%2C2"),
        ({"a": 1}, "deepObject", True, "x[a]=1"),
    ],
)
def test_values_stand_in_the_query_as_their_style_says(
    value: Any, style: str, *, explode: bool, query: str
) -> None:
    assert asked("query", value, style, explode=explode).url.raw_query_string == query


def test_a_value_may_be_sent_as_json() -> None:
    assert asked("query", {"a": 1}, json=True).url.query["x"] == '{"a":1}'


def test_values_stand_in_headers() -> None:
    assert asked("header", ["a", 1], "simple").headers == {"x": "a,1"}
    assert asked("header", {"a": 1}, "simple", explode=True).headers == {"x": "a=1"}


def test_an_argument_that_is_not_given_is_not_sent() -> None:
    operation = Operation(
        Function("op", "", {}),
        "POST",
        "http://a.example/p",
        (Parameter("x", "x", "query", "form", True, False),),
        "body",
    )
    request = request_of(operation, {})
    assert (str(request.url), request.body) == ("http://a.example/p", None)
