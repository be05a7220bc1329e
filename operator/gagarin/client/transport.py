"""Requests to one Instance over aiohttp: the token put in, errors translated, what is safe tried again.

It is the only module here that speaks HTTP. Redirects are not followed and no proxy of the environment is
used, so that the token goes where it is meant to go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeVar

import aiohttp
import msgspec

from gagarin.client.address import Address, Bearer, checked_url, trusted
from gagarin.client.errors import (
    ConnectionFailed,
    GagarinError,
    Interrupted,
    NotGagarin,
    SettingsError,
    TimedOut,
    refusal,
)
from gagarin.client.retries import wait_before_next

CONNECT_SECONDS = 5.0
MAX_HEADER = 256
END_USER = "Gagarin-End-User"

T = TypeVar("T")


class Request(NamedTuple):
    """A request to the Instance. Whatever it is, doing it twice is as good as doing it once."""

    method: str
    path: str
    body: object = None
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}


class Transport:
    """The connections to one Instance. Use it in the event loop that opened it."""

    def __init__(self, address: Address, end_user: str | None, timeout: float, attempts: int) -> None:
        if timeout <= 0 or attempts < 1:
            raise SettingsError("timeout has to be more than 0 seconds, and attempts at least 1")
        self.timeout = timeout
        self.attempts = attempts
        self._url = checked_url(address.url)
        self._trusted = trusted(address)
        self._server_name = address.server_name
        self._bearer = Bearer(address.token)
        self._end_user = checked_header(END_USER, end_user)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make it ready; nothing is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._trusted),
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def answer(self, request: Request, kind: type[T]) -> T:
        """The document that answers a request. Raises `GagarinError`."""
        body = await self.whole(request)
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise NotGagarin(
                f"the answer to {request.method} {request.path} cannot be read: {error}"
            ) from error

    async def whole(self, request: Request) -> bytes:
        """The whole body of a good answer. Raises `GagarinError`."""
        return await self._tried(request, self._whole)

    async def begun(self, request: Request) -> aiohttp.ClientResponse:
        """A good answer whose body is yet to be read; it has to be closed. Raises `GagarinError`."""
        return await self._tried(request, self._begun)

    async def _tried(self, request: Request, once: Callable[[Request], Awaitable[T]]) -> T:
        attempt = 1
        while True:
            try:
                async with asyncio.timeout(self.timeout):
                    return await once(request)
            except TimeoutError as error:
                raise TimedOut(
                    f"{request.method} {request.path}: no answer within {self.timeout:g} s"
                ) from error
            except GagarinError as error:
                wait = wait_before_next(error, attempt)
                if wait is None or attempt == self.attempts:
                    raise
            await asyncio.sleep(wait)
            attempt += 1

    async def _whole(self, request: Request) -> bytes:
        response = await self._begun(request)
        try:
            return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise broken(request, error) from error
        finally:
            response.release()

    async def _begun(self, request: Request) -> aiohttp.ClientResponse:
        """The one place where requests leave and refusals come in."""
        if self._session is None:
            raise SettingsError("the client is not open: use it in a `with` block")
        headers = {"Authorization": self._bearer.header(), **self._end_user, **request.headers}
        data = None
        if request.body is not None:
            data = msgspec.json.encode(request.body)
            headers["Content-Type"] = "application/json"
        try:
            response = await self._session.request(
                request.method,
                self._url + request.path,
                params=request.query,
                headers=headers,
                data=data,
                allow_redirects=False,
                server_hostname=self._server_name,
            )
            if response.status < 300:
                return response
            async with response:
                raise refusal(response.status, await response.read(), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectionFailed(f"{self._url} does not answer: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise broken(request, error) from error


def broken(request: Request, error: Exception) -> Interrupted:
    """The error for a connection that ended in the middle."""
    return Interrupted(f"{request.method} {request.path}: {str(error) or type(error).__name__}")


def checked_header(name: str, value: str | None) -> dict[str, str]:
    """The header, if there is a value. Raises `SettingsError` for what the server would refuse."""
    if value is None:
        return {}
    if not 0 < len(value) <= MAX_HEADER or not value.isascii() or not value.isprintable():
        raise SettingsError(f"{name}: 1 to {MAX_HEADER} printable ASCII characters")
    return {name: value}
