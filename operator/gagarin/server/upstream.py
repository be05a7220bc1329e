"""One HTTP exchange with a provider: its key, its headers, its certificates, and its failures in our words.

A key is read from its file for each request, and once more when the provider refuses it, so that a rotated
Secret is in use at once. What goes wrong is told with the provider's name only: addresses and error texts of
others (OpenAI's quotes parts of a wrong key) stay out.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from gagarin.core.config import Provider
from gagarin.core.vendors import VENDORS
from gagarin.server import egress, wire
from gagarin.server.errors import ProviderError, ProviderFault, SecretUnreadable
from gagarin.server.proxies import proxy_of
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import TrustStore

MAX_ERROR_BYTES = 64 * 1024
LARGE_BYTES = 1024 * 1024  # aiohttp sends more than this in pieces only from a file
RETRYABLE_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class Upstream:
    """One route of one provider, such as its chat completions. Safe to use from many tasks."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        provider: Provider,
        secrets: SecretFiles,
        extra_ca: str | None = None,
        route: str = "/chat/completions",
    ) -> None:
        self._session = session
        self._provider = provider
        self._secrets = secrets
        self._trust = TrustStore(provider, secrets, extra_ca)
        self._url = address(provider.url, route)
        self._proxy = proxy_of(self._url)
        self._timeout = aiohttp.ClientTimeout(total=None, connect=provider.timeouts.connect)
        self.name = f"{provider.namespace}/{provider.name}"

    async def post(self, body: bytes, trace: Mapping[str, str]) -> aiohttp.ClientResponse:
        """A response with status 200, whose body is still to be read. `trace` are headers that say what the
        call belongs to. Raises `ProviderError`."""
        headers = self._headers()
        response = await self._send(body, {**trace, **headers})
        if response.status in (401, 403) and (fresh := self._headers(again=True)) != headers:
            response.close()
            response = await self._send(body, {**trace, **fresh})
        if response.status == 200:
            return response
        try:
            raise await self._refusal(response)
        finally:
            response.release()

    async def read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        """The whole body, of at most `limit` bytes. Raises `ProviderError`."""
        body = bytearray()
        try:
            while chunk := await response.content.readany():
                body += chunk
                if len(body) > limit:
                    raise self.error("nonsense", f"answered with more than {limit} bytes")
        except (aiohttp.ClientError, OSError) as error:
            raise self.translate(error) from error
        return bytes(body)

    def error(
        self, fault: ProviderFault, detail: str, *, retryable: bool = False, retry_after: float | None = None
    ) -> ProviderError:
        """An error of this provider."""
        return ProviderError(self.name, fault, detail, retryable=retryable, retry_after=retry_after)

    def nonsense(self, error: Exception) -> ProviderError:
        """The reply is not what the protocol says."""
        return self.error("nonsense", f"answered with something that is not the OpenAI protocol: {error}")

    def too_slow(self, limit: str) -> ProviderError:
        """A time limit of the Provider ran out; `limit` is its field in `Timeouts`."""
        seconds: float = getattr(self._provider.timeouts, limit)
        return self.error("timeout", f"did not answer within {seconds:g} s (timeouts.{_CAMEL[limit]})")

    def translate(self, error: Exception) -> ProviderError:
        """aiohttp's error as ours."""
        if isinstance(error, aiohttp.ServerTimeoutError):
            slow = self.too_slow("connect")
            slow.retryable = True
            return slow
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
            return self.error("unreachable", f"cannot be reached: {egress.reason(error)}", retryable=True)
        return self.error("interrupted", "broke off the connection", retryable=True)

    async def _send(self, body: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
        try:
            return await self._session.post(
                self._url,
                data=body if len(body) <= LARGE_BYTES else io.BytesIO(body),
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                ssl=self._trust.context(),
                proxy=self._proxy,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise self.translate(error) from error
        except SecretUnreadable as error:
            raise self.error("no_key", f"cannot be asked: {error}") from error

    def _headers(self, *, again: bool = False) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        try:
            for header in self._provider.headers:
                file = header.value_file
                headers[header.name] = self._secrets.read(file, again=again) if file else header.value or ""
            if (file := self._provider.api_key_file) is not None:
                key = self._secrets.read(file, again=again)
                name = VENDORS[self._provider.type].key_header
                headers[name] = f"Bearer {key}" if name == "Authorization" else key
        except SecretUnreadable as error:
            raise self.error("no_key", f"cannot be asked: {error}") from error
        return headers

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderError:
        code = wire.error_code(await self.read(response, MAX_ERROR_BYTES))
        return self.error(
            "status",
            f"answered {response.status}" + (f" ({code})" if code else ""),
            retryable=response.status in RETRYABLE_STATUS,
            retry_after=retry_after(response.headers.get("Retry-After")),
        )


_CAMEL = {
    "connect": "connect",
    "first_token": "firstToken",
    "between_tokens": "betweenTokens",
    "total": "total",
}


def address(base: str, route: str) -> str:
    """The URL of a route; a query of the base (Azure's `?api-version=`) stays at the end."""
    path, mark, query = base.partition("?")
    return f"{path.rstrip('/')}{route}{mark}{query}"


def retry_after(header: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait, from Retry-After in either of its forms (RFC 9110, 10.2.3)."""
    if not header:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - now(), 0.0)
    except (ValueError, OverflowError):
        return None
