"""Tools of type HTTP: one endpoint that gets the arguments of each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from yarl import URL

from gagarin.core.config import HttpEndpoint
from gagarin.server.tools.endpoint import CallFailed, Endpoint, Request, result_of
from gagarin.server.tools.tool import CallContext, Function, ToolResult

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
_JSON = {"Content-Type": "application/json"}
_encode = msgspec.json.Encoder().encode


class HttpTool:
    """`allowed`: the functions that may be called; None: all."""

    def __init__(
        self, name: str, config: HttpEndpoint, endpoint: Endpoint, allowed: Sequence[str] | None
    ) -> None:
        self.name = name
        self._config = config
        self._endpoint = endpoint
        self._functions = tuple(
            Function(one.name, one.description, object_schema(one.parameters))
            for one in config.functions
            if allowed is None or one.name in allowed
        )

    async def start(self) -> None:
        """Nothing goes on in the background."""

    async def close(self) -> None:
        """Nothing goes on in the background."""

    async def functions(self) -> Sequence[Function]:
        """Always the configured ones: whether the endpoint is up shows when it is called."""
        return self._functions

    async def call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        """One request."""
        try:
            request = self._request(function, arguments, context)
            return result_of(await self._endpoint.exchange(request, self._config.timeout))
        except CallFailed as error:
            return ToolResult(f"The tool failed: {error}.", error=True)

    def _request(self, function: str, arguments: dict[str, Any], context: CallContext) -> Request:
        config = self._config
        try:
            url = URL(config.url)
        except ValueError as error:
            raise CallFailed("its URL is wrong") from error
        if config.body_format == "Query":
            return Request(config.method, url.extend_query(query(arguments)), context.trace)
        sent = {"name": function, "arguments": arguments}
        body = _encode(sent if config.body_format == "NameAndArguments" else arguments)
        return Request(config.method, url, {**context.trace, **_JSON}, body)


def object_schema(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """A schema of arguments as every provider takes it: that of an object."""
    return {"type": "object", **parameters} if parameters else NO_ARGUMENTS


def query(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """Arguments as query parameters: a list as one parameter for each item, an object as JSON, null as
    none."""
    pairs = []
    for name, value in arguments.items():
        items = value if isinstance(value, list) else [value]
        pairs += [(name, as_text(item)) for item in items if item is not None]
    return pairs


def as_text(value: Any) -> str:
    """A value as it stands in a URL or a header."""
    return value if isinstance(value, str) else _encode(value).decode()
