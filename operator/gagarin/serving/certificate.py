"""The certificate that a port shows, read again when its files change.

A new certificate counts for new connections; those that are open go on. One that cannot be used (half
written, or with a key of another) is logged, and the former one stays. The listening socket keeps the one
context that it was opened with: it is the handshake that is given the newest one, so that certificate and key
change together.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log

LOOK_SECONDS = 2.0

_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A chain of certificates and its key, PEM. Raises `StartError` if there is nothing to begin with."""

    def __init__(self, chain: Path, key: Path, log: Log) -> None:
        self._files = (chain, key)
        self._log = log
        try:
            self._stamp = self._stamped()
            self._newest = self._loaded()
            self.context = self._loaded()
        except (OSError, ValueError) as error:
            raise StartError(f"tls: {self._names()}: {_reason(error)}") from error
        self.context.sni_callback = self._hand_over

    def look(self) -> None:
        """Take what changed. Never raises."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._newest = self._loaded()
        except (OSError, ValueError) as error:
            self._log.event(
                "error", "the new certificate cannot be used; the former one stays", reason=_reason(error)
            )
        else:
            self._log.event("info", "there is a new certificate")

    async def keep_fresh(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def _hand_over(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: object) -> None:
        connection.context = self._newest

    def _stamped(self) -> _Stamp:
        found = [file.stat() for file in self._files]
        return tuple((status.st_mtime_ns, status.st_ino, status.st_size) for status in found)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self._files, password=_no_password)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _names(self) -> str:
        return " and ".join(str(file) for file in self._files)


def _no_password() -> str:
    """OpenSSL would ask the terminal for one."""
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    """Never the file's content."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
