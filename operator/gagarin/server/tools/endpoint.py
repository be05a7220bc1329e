"""One HTTP server of a tool: its credential, its certificates, and what its answers are to a model.

Credentials are read from their files for each call, and once more when the server refuses them. An answer is
read up to a bound. What goes wrong is told in words for a model: no address, no key.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from yarl import URL

from gagarin.core.config import Header, ToolAuth
from gagarin.server import egress
from gagarin.server.errors import EgressRefused, SecretUnreadable
from gagarin.server.proxies import proxy_of
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import TrustStore
from gagarin.server.tools.tool import ToolResult

MAX_RESULT_BYTES = 400_000
MAX_ERROR_CHARS = 4_000
CONNECT_SECONDS = 5.0
_TEXT_TYPES = ("json", "xml", "yaml", "javascript", "x-www-form-urlencoded", "graphql", "ndjson")


class CallFailed(Exception):  # noqa: N818 -- says what happened
    """There is no answer; the message says why, in words for a model."""


class Request(NamedTuple):
    """What is sent; `body` None: no body."""

    method: str
    url: URL
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class Answer(NamedTuple):
    """What came back. `whole`: the body is all of it."""

    status: int
    content_type: str
    charset: str
    body: bytes
    whole: bool


class Credentials:
    """The headers that authenticate a call, and the configured extra ones."""

    def __init__(
        self, secrets: SecretFiles, auth: ToolAuth | None = None, extra: tuple[Header, ...] = ()
    ) -> None:
        self._secrets = secrets
        self._auth = auth
        self._extra = extra

    def headers(self, *, again: bool = False) -> dict[str, str]:
        """Read anew from their files, also unchanged ones if `again`. Raises `SecretUnreadable`."""

        def read(file: str | None) -> str:
            return self._secrets.read(file or "", again=again)

        headers = {
            one.name: read(one.value_file) if one.value_file else one.value or "" for one in self._extra
        }
        auth = self._auth
        if auth is None:
            return headers
        if auth.type == "Basic":
            pair = f"{read(auth.username_file)}:{read(auth.password_file)}"
            return {**headers, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        value = read(auth.value_file)
        return {
            **headers,
            **({auth.header: value} if auth.type == "Header" else {"Authorization": f"Bearer {value}"}),
        }


class Endpoint:
    """Safe to use from many tasks."""

    def __init__(self, session: aiohttp.ClientSession, trust: TrustStore, credentials: Credentials) -> None:
        self._session = session
        self._trust = trust
        self._credentials = credentials

    async def exchange(self, request: Request, seconds: float, limit: int = MAX_RESULT_BYTES) -> Answer:
        """Send a request, and read at most `limit` bytes of what comes back. Raises `CallFailed`."""
        try:
            async with asyncio.timeout(seconds):
                return await _read(await self.open(request), limit)
        except TimeoutError as error:
            raise CallFailed(f"it did not answer within {seconds:g} s") from error
        except (EgressRefused, SecretUnreadable) as error:
            raise CallFailed(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailed(f"it cannot be reached: {egress.reason(error)}") from error
        except ValueError as error:  # aiohttp refuses line ends in headers, and URLs that are none
            raise CallFailed("the request cannot be sent: a header or the URL is malformed") from error

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """The beginning of an answer, whose body is still to be read. Raises what aiohttp does,
        `EgressRefused` and `SecretUnreadable`."""
        credentials = self._credentials.headers()
        response = await self._followed(request, credentials)
        if response.status == 401 and (fresh := self._credentials.headers(again=True)) != credentials:
            response.close()
            response = await self._followed(request, fresh)
        return response

    async def _followed(self, request: Request, credentials: dict[str, str]) -> aiohttp.ClientResponse:
        for _ in range(egress.MAX_REDIRECTS):
            egress.check(request.url)
            response = await self._session.request(
                request.method,
                request.url,
                data=request.body,
                headers={**request.headers, **credentials},
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
                allow_redirects=False,
                ssl=self._trust.context(),
                proxy=proxy_of(request.url),
            )
            location = response.headers.get("Location")
            if response.status not in egress.REDIRECTS or location is None:
                return response
            response.close()
            request = _next(request, response.status, location)
        raise EgressRefused("it redirects too often")


def result_of(answer: Answer) -> ToolResult:
    """An answer as a model reads it: JSON as JSON text; what is no text is described; 4xx and 5xx are
    errors."""
    text = _text(answer)
    if 200 <= answer.status < 300:
        return ToolResult(text or f"(The answer is empty, with status {answer.status}.)")
    return ToolResult(f"The tool answered with status {answer.status}. {text[:MAX_ERROR_CHARS]}", error=True)


def _text(answer: Answer) -> str:
    kind = answer.content_type
    is_text = kind.startswith("text/") or any(word in kind for word in _TEXT_TYPES)
    if not is_text and b"\0" in answer.body:
        return _described(answer)
    try:
        text = answer.body.decode(answer.charset, "replace" if is_text or not answer.whole else "strict")
    except (LookupError, UnicodeDecodeError):
        return _described(answer)
    more = "" if answer.whole else f"\n[The answer is longer; these are its first {len(answer.body)} bytes.]"
    return text + more


def _described(answer: Answer) -> str:
    size = f"{len(answer.body)} bytes" if answer.whole else f"more than {len(answer.body)} bytes"
    return f"[Binary data of type {answer.content_type}, {size}; it cannot be shown.]"


async def _read(response: aiohttp.ClientResponse, limit: int) -> Answer:
    body = bytearray()
    try:
        while len(body) <= limit and (chunk := await response.content.readany()):
            body += chunk
        whole = len(body) <= limit
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()
    charset = response.charset or "utf-8"
    return Answer(response.status, response.content_type, charset, bytes(body[:limit]), whole)


def _next(request: Request, status: int, location: str) -> Request:
    """The request after a redirect, as browsers make it (WHATWG Fetch): only 307 and 308 keep a body."""
    url = egress.redirected(request.url, location)
    if status in (307, 308) or request.method in ("GET", "HEAD"):
        return request._replace(url=url)
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
    return Request("GET", url, headers)
