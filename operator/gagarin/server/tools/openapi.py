"""Tools of type OpenAPI: each operation of a document is a function.

A document behind a URL is fetched in the background, again and again until it is there, and anew from time to
time; what was read last stays in use meanwhile. An API that was down at start is there once it is up.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from yarl import URL

from gagarin.core.config import OpenApi
from gagarin.server.tools import operations
from gagarin.server.tools.endpoint import CallFailed, Endpoint, Request, result_of
from gagarin.server.tools.http import as_text
from gagarin.server.tools.operations import DocumentError, Operation, Parameter, Reading
from gagarin.server.tools.tool import CallContext, Function, ToolResult
from gagarin.serving.logs import Log

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
FETCH_SECONDS = 30.0
CALL_SECONDS = 60.0
REFRESH_SECONDS = 600.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
PATIENCE = 1.0  # how long a chat waits for a document that is being read for the first time
_SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}
_encode = msgspec.json.Encoder().encode


class OpenApiTool:
    """`allowed`: the functions that may be called; None: all. `pauses` are the least and the longest time
    between attempts to get the document, in seconds."""

    def __init__(
        self,
        name: str,
        config: OpenApi,
        endpoint: Endpoint,
        allowed: Sequence[str] | None,
        log: Log,
        pauses: tuple[float, float] = (FIRST_PAUSE, LONGEST_PAUSE),
    ) -> None:
        self.name = name
        self._config = config
        self._endpoint = endpoint
        self._allowed = allowed
        self._log = log
        self._pauses = pauses
        self._digest = b""
        self._functions: tuple[Function, ...] = ()
        self._operations: Mapping[str, Operation] = {}
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read the document."""
        self._task = asyncio.create_task(self._keep_fresh())

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def functions(self) -> Sequence[Function]:
        """Those of the document that was read last."""
        if not self._tried.is_set():
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._tried.wait()
            except TimeoutError:
                pass
        return self._functions

    async def call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        """One request."""
        operation = self._operations.get(function)
        if operation is None:
            return ToolResult("The API does not have this operation any more.", error=True)
        try:
            request = request_of(operation, arguments, context.trace)
            return result_of(await self._endpoint.exchange(request, CALL_SECONDS))
        except CallFailed as error:
            return ToolResult(f"The tool failed: {error}.", error=True)

    async def _keep_fresh(self) -> None:
        pause = self._pauses[0]
        while True:
            try:
                await self._read()
                pause = self._pauses[0]
                wait = REFRESH_SECONDS if self._config.document is None else None
            except (CallFailed, DocumentError) as error:
                self._log.event("warning", f"the OpenAPI document cannot be used: {error}", tool=self.name)
                wait, pause = pause, min(pause * 2, self._pauses[1])
            except Exception as error:  # noqa: BLE001  # a document that nobody thought of must not end the reading
                self._log.failure("an OpenAPI document broke its reader", error, tool=self.name)
                wait = REFRESH_SECONDS
            self._tried.set()
            if wait is None:
                return
            await asyncio.sleep(wait * (1.0 - 0.25 * random.random()))  # noqa: S311  # only spreads the load

    async def _read(self) -> None:
        """Raises `CallFailed` and `DocumentError`."""
        text = await self._text()
        if (digest := hashlib.sha256(text).digest()) == self._digest:
            return
        base = URL(self._config.url) if self._config.url else None
        wanted = self._config.operations
        reading = await asyncio.to_thread(lambda: operations.operations(operations.parse(text), base, wanted))
        self._digest = digest
        self._take(reading)

    async def _text(self) -> bytes:
        if self._config.document is not None:
            return self._config.document.encode()
        request = Request(
            "GET", URL(self._config.url or ""), {"Accept": "application/json, application/yaml"}
        )
        answer = await self._endpoint.exchange(request, FETCH_SECONDS, MAX_DOCUMENT_BYTES)
        if answer.status != 200:
            raise CallFailed(f"its server answered with status {answer.status}")
        if not answer.whole:
            raise DocumentError(f"it is longer than {MAX_DOCUMENT_BYTES} bytes")
        return answer.body

    def _take(self, reading: Reading) -> None:
        for operation, why in reading.left_out:
            fields = {"tool": self.name, "operation": operation[:128]}
            self._log.event("warning", f"an operation is not offered: {why}", **fields)
        found = {one.function.name: one for one in reading.operations}
        if self._allowed is not None:
            found = {name: one for name, one in found.items() if name in self._allowed}
        self._operations = found
        self._functions = tuple(one.function for one in found.values())


def request_of(operation: Operation, arguments: dict[str, Any], trace: Mapping[str, str] = {}) -> Request:
    """The request of a call (OpenAPI 3.1, section 4.8.12.2: styles). Raises `CallFailed`."""
    url, pairs, headers = operation.url, [], dict(trace)
    for parameter in operation.parameters:
        if parameter.key not in arguments:
            continue
        value = arguments[parameter.key]
        if parameter.place == "path":
            url = url.replace("{" + parameter.name + "}", _in_path(parameter, value))
        elif parameter.place == "query":
            pairs += _in_query(parameter, value)
        else:
            headers[parameter.name] = _simple(parameter, value)
    body = None
    if operation.body is not None and operation.body in arguments:
        body = _encode(arguments[operation.body])
        headers["Content-Type"] = operation.body_type
    query = "&".join(f"{quote(name, safe='[]')}={quote(text, safe='')}" for name, text in pairs)
    target = URL(f"{url}?{query}" if query else url, encoded=True)
    return Request(operation.method, target, headers, body)


def _in_path(parameter: Parameter, value: Any) -> str:
    """A segment, and never one that means another path."""
    text = _simple(parameter, value)
    if text in ("", ".", ".."):
        raise CallFailed(f"{text!r} cannot stand for {parameter.name} in the path")
    return quote(text, safe="")


def _simple(parameter: Parameter, value: Any) -> str:
    if parameter.json or not isinstance(value, dict | list):
        return as_text(value)
    if isinstance(value, list):
        return ",".join(map(as_text, value))
    between = "=" if parameter.explode else ","
    return ",".join(f"{name}{between}{as_text(one)}" for name, one in value.items())


def _in_query(parameter: Parameter, value: Any) -> list[tuple[str, str]]:
    name = parameter.name
    if parameter.json or not isinstance(value, dict | list):
        return [(name, as_text(value))]
    if isinstance(value, list):
        if parameter.explode:
            return [(name, as_text(item)) for item in value]
        return [(name, _SEPARATORS.get(parameter.style, ",").join(map(as_text, value)))]
    if parameter.style == "deepObject":
        return [(f"{name}[{key}]", as_text(item)) for key, item in value.items()]
    if parameter.explode:
        return [(key, as_text(item)) for key, item in value.items()]
    return [(name, _simple(parameter, value))]
