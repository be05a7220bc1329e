"""Where documents come from: an address, or the folder of a ConfigMap. Each tells whether they changed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import aiohttp
from yarl import URL

from gagarin.core.config import Source as SourceConfig
from gagarin.server import egress
from gagarin.server.errors import EgressRefused, SourceError
from gagarin.server.proxies import proxy_of

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 1000
FOLDER_SECONDS = 5.0  # the kubelet replaces the files of a changed ConfigMap when it likes
SECONDS = aiohttp.ClientTimeout(total=60.0, connect=10.0)


class Found(NamedTuple):
    """A document as it is now. `data` None: it has not changed since `stamp`."""

    location: str
    stamp: str
    content_type: str = ""
    data: bytes | None = None


class Source(Protocol):
    """Documents that are looked at again after `refresh` seconds."""

    name: str
    refresh: float

    def documents(self, known: Mapping[str, str]) -> AsyncIterator[Found]:
        """All documents; `known` are the stamps of those that were read before, by location. Raises
        `SourceError`."""
        ...


class UrlSource:
    """One document at an address, asked for with what is known of it, so that it is only sent if it changed.

    A redirect is followed on the same server: another one was not what the author of the Agent named.
    """

    def __init__(
        self, config: SourceConfig, session: aiohttp.ClientSession, trust: ssl.SSLContext | bool = True
    ) -> None:
        assert config.url is not None
        self._trust = trust
        self.name = config.name
        self.refresh = config.refresh
        self._url = config.url
        self._session = session

    async def documents(self, known: Mapping[str, str]) -> AsyncIterator[Found]:
        """The one document."""
        stamp = known.get(self._url, "")
        try:
            yield await self._fetch(URL(self._url), stamp)
        except EgressRefused as error:
            raise SourceError(f"{self._url} is not fetched: {error}") from error
        except TimeoutError as error:
            raise SourceError(f"{self._url} cannot be fetched: it took too long") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError(f"{self._url} cannot be fetched: {egress.reason(error)}") from error

    async def _fetch(self, url: URL, stamp: str, redirects: int = 0) -> Found:
        egress.check(url)
        headers = _conditions(stamp)
        async with self._session.get(
            url,
            headers=headers,
            timeout=SECONDS,
            allow_redirects=False,
            ssl=self._trust,
            proxy=proxy_of(url),
        ) as response:
            if response.status in egress.REDIRECTS and redirects < egress.MAX_REDIRECTS:
                target = egress.redirected(url, response.headers.get("Location", ""))
                return await self._fetch(target, stamp, redirects + 1)
            if response.status == 304:
                return Found(self._url, stamp)
            if response.status != 200:
                raise SourceError(f"{url} answered {response.status}")
            data = await _read(response, url)
            found = response.headers
            fresh = f"{found.get('ETag', '')}\n{found.get('Last-Modified', '')}"
            return Found(self._url, fresh, found.get("Content-Type", ""), data)


class FolderSource:
    """The files of a folder, one document each."""

    refresh = FOLDER_SECONDS

    def __init__(self, config: SourceConfig, folder: Path) -> None:
        assert config.folder is not None
        self.name = config.name
        self._folder = folder / config.folder

    async def documents(self, known: Mapping[str, str]) -> AsyncIterator[Found]:
        """The files in the order of their names; of the unchanged ones only the stamp."""
        try:
            for file in await asyncio.to_thread(_files, self._folder):
                stamp = await asyncio.to_thread(_stamp, file)
                data = None if known.get(file.name) == stamp else await asyncio.to_thread(file.read_bytes)
                yield Found(file.name, stamp, "", data)
        except OSError as error:
            raise SourceError(f"source {self.name} cannot be read: {error.strerror}") from error


def _files(folder: Path) -> list[Path]:
    """Names that begin with a dot are how a ConfigMap is mounted, not what is in it."""
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(".") and file.is_file())
    return files[:MOST_FILES]


def _stamp(file: Path) -> str:
    status = file.stat()
    return f"{status.st_mtime_ns} {status.st_ino} {status.st_size}"


def _conditions(stamp: str) -> dict[str, str]:
    etag, _, modified = stamp.partition("\n")
    conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
    return {name: value for name, value in conditions.items() if value}


async def _read(response: aiohttp.ClientResponse, url: URL) -> bytes:
    data = bytearray()
    async for part in response.content.iter_any():
        data += part
        if len(data) > MOST_BYTES:
            raise SourceError(f"{url} has more than {MOST_BYTES} bytes")
    return bytes(data)
