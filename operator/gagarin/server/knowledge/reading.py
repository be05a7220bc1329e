"""Starts a reader process for a document, one at a time, and takes what comes out of it."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from gagarin.server.errors import SourceError
from gagarin.server.knowledge.chunks import Document
from gagarin.server.knowledge.reader import UNREADABLE

SECONDS = 120.0
_decode = msgspec.json.Decoder(Document).decode


class Reading:
    """Reads documents."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._one = asyncio.Lock()  # a pod has little memory and one processor

    async def read(self, data: bytes, content_type: str, location: str) -> Document:
        """The document. Raises `SourceError` when it cannot be read."""
        async with self._one:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "gagarin.server.knowledge.reader", content_type, location),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(self._seconds):
                    output, errors = await process.communicate(data)
            except TimeoutError as error:
                raise SourceError(f"{location} was not read within {self._seconds:g} s") from error
            finally:
                await _ended(process)
        if process.returncode == 0:
            return _decode(output)
        if process.returncode == UNREADABLE:
            raise SourceError(f"{location}: {errors.decode(errors='replace')[:500]}")
        raise SourceError(f"{location}: its reader ended with status {process.returncode}")


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
