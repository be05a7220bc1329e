"""Which certificates a provider's is checked with: the system's, or the Provider's own bundle."""

from __future__ import annotations

import ssl

from gagarin.core.config import Provider
from gagarin.server.errors import SecretUnreadable
from gagarin.server.secretfiles import SecretFiles


class TrustStore:
    """The TLS context for one provider, made again when the bundle's file changes."""

    def __init__(self, provider: Provider, secrets: SecretFiles) -> None:
        self._pem = provider.ca_bundle
        self._file = provider.ca_bundle_file
        self._secrets = secrets
        self._made: tuple[str, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext | bool:
        """True stands for the system's certificates. Raises `SecretUnreadable`."""
        pem = self._pem if self._file is None else self._secrets.read(self._file)
        if pem is None:
            return True
        if self._made is None or self._made[0] != pem:
            try:
                self._made = pem, ssl.create_default_context(cadata=pem)
            except ssl.SSLError as error:
                raise SecretUnreadable("its CA bundle (tls.caBundle) is not PEM") from error
        return self._made[1]
