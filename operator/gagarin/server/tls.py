"""Which certificates a server's is checked with: its own bundle, or the system's and the operator's."""

from __future__ import annotations

import ssl
from typing import Protocol

from gagarin.server.errors import SecretUnreadable
from gagarin.server.secretfiles import SecretFiles


class Trusted(Protocol):
    """A part of the configuration that names a server: a Provider, a Tool."""

    @property
    def ca_bundle(self) -> str | None: ...
    @property
    def ca_bundle_file(self) -> str | None: ...


class TrustStore:
    """The TLS context for one server, made again when its bundle's file changes."""

    def __init__(self, server: Trusted, secrets: SecretFiles, extra_ca: str | None = None) -> None:
        self._server = server
        self._secrets = secrets
        self._extra = extra_ca
        self._made: tuple[str, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext | bool:
        """True stands for the system's certificates. Raises `SecretUnreadable`."""
        file = self._server.ca_bundle_file
        own = self._server.ca_bundle if file is None else self._secrets.read(file)
        pem = own or self._extra
        if pem is None:
            return True
        if self._made is None or self._made[0] != pem:
            self._made = pem, trusting(own, self._extra)
        return self._made[1]


def trusting(own: str | None, extra: str | None) -> ssl.SSLContext:
    """A context that trusts `own` alone, or the system's authorities and those in `extra`. Raises
    `SecretUnreadable`."""
    try:
        context = ssl.create_default_context(cadata=own)
        if own is None and extra is not None:
            context.load_verify_locations(cadata=extra)
    except ssl.SSLError as error:
        raise SecretUnreadable("its CA bundle (tls.caBundle) is not PEM") from error
    return context
