"""The HTTP edge of MCP: one server, whose answers are read piece by piece, and its faults in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from yarl import URL

from gagarin.server import egress
from gagarin.server.errors import EgressRefused, SecretUnreadable
from gagarin.server.tools.endpoint import Endpoint, Request
from gagarin.server.tools.mcp.events import Event, EventParser
from gagarin.server.tools.mcp.faults import McpFault, Nonsense, Unreachable
from gagarin.server.tools.mcp.link import Errands
from gagarin.server.tools.mcp.messages import MAX_MESSAGE_BYTES

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
GET_STREAM = {"Accept": EVENT_STREAM}
POST = {"Content-Type": JSON, "Accept": f"{JSON}, {EVENT_STREAM}"}


class HttpServer:
    """`url` is what the Tool names. Raises `McpFault` if it is none."""

    def __init__(self, url: str, endpoint: Endpoint) -> None:
        try:
            self.url = URL(url)
        except ValueError as error:
            raise McpFault("its URL is wrong") from error
        self._endpoint = endpoint
        self._errands = Errands()

    @asynccontextmanager
    async def opened(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None, url: URL | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The beginning of an answer, whose body is read inside. Raises `McpFault`, also for what goes wrong
        with the connection inside.

        What was not read by the end is not waited for; after a failure the connection is closed at once,
        which tells the server that nobody waits.
        """
        with _translated():
            response = await self._open(Request(method, url or self.url, headers, body))
            try:
                yield response
            except BaseException:
                response.close()
                raise
        if response.content.at_eof() or not self._errands.run(_finished(response)):
            response.close()

    async def close(self) -> None:
        """Wait for what is still being finished."""
        await self._errands.finish()

    async def _open(self, request: Request) -> aiohttp.ClientResponse:
        try:
            return await self._endpoint.open(request)
        except (EgressRefused, SecretUnreadable) as error:
            raise McpFault(str(error)) from error
        except (aiohttp.ClientError, OSError):  # before ValueError, which a wrong certificate is too
            raise
        except ValueError as error:  # aiohttp refuses line ends in headers
            raise McpFault("a header of the request is malformed") from error


async def whole(response: aiohttp.ClientResponse) -> bytes:
    """All of a body. Raises `Nonsense` when it is too long."""
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > MAX_MESSAGE_BYTES:
            raise Nonsense(f"its server answered with more than {MAX_MESSAGE_BYTES} bytes")
    return bytes(body)


async def events(response: aiohttp.ClientResponse, parser: EventParser) -> AsyncIterator[Event]:
    """The events of a body."""
    while chunk := await response.content.readany():
        for event in parser.feed(chunk):
            yield event


async def _finished(response: aiohttp.ClientResponse) -> None:
    """Let a body end, which is all but there once the answer was: then the connection serves the next
    request."""
    try:
        while await response.content.readany():
            pass
    except (aiohttp.ClientError, OSError):
        pass
    finally:
        response.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except aiohttp.ServerTimeoutError as error:  # the only limit that `Endpoint` sets is that of connecting
        raise Unreachable("it cannot be reached: no connection in time", delivered=False) from error
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"it cannot be reached: {egress.reason(error)}", delivered=False) from error
    except aiohttp.InvalidURL as error:
        raise McpFault("its URL is wrong") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable("the connection to its server broke", delivered=True) from error
