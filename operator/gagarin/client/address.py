"""Where an Instance is and as whom it is called: a URL, a bearer token, and the certificates to trust.

In a cluster all of it follows from the Instance's name and namespace. The token is a projected one, mounted
into the pod with the Instance's audience (NAME.NAMESPACE.svc), or with that of all Instances of a namespace
(gagarin.NAMESPACE.svc). The kubelet replaces its file long before it expires, so the file is read again
whenever it changed.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from gagarin.client.errors import SettingsError

TokenSource = str | Path | Callable[[], str]
TOKEN_FILE = Path("/var/run/secrets/gagarin/token")
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Address(NamedTuple):
    """What it takes to call an Instance. `token` is the token itself, a `Path` of its file, or a function.

    `ca_file` is a PEM bundle to trust instead of the system's; `server_name` the name that the certificate
    has to be for, where the URL leads through something else (a forwarded port).
    """

    url: str
    token: TokenSource
    ca_file: Path | None = None
    server_name: str | None = None

    def __repr__(self) -> str:
        """Without the token."""
        return f"Address({self.url!r})"


def in_cluster(
    instance: str,
    namespace: str | None = None,
    *,
    token: TokenSource = TOKEN_FILE,
    tls: bool = False,
    ca_file: Path | None = None,
    namespace_file: Path = NAMESPACE_FILE,
) -> Address:
    """The Instance's Service; the namespace is the pod's own unless it is named. `ca_file` implies `tls`.

    Raises `SettingsError`.
    """
    if namespace is None:
        namespace = _text(namespace_file, "the pod's namespace is not mounted: name the Instance's")
    for name in (instance, namespace):
        if not _LABEL.fullmatch(name):
            raise SettingsError(f"{name!r} is no name of an Instance or a namespace")
    scheme = "https" if tls or ca_file is not None else "http"
    return Address(f"{scheme}://{instance}.{namespace}.svc", token, ca_file)


def checked_url(url: str) -> str:
    """The URL without a slash at its end. Raises `SettingsError`."""
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one = False
    if not port_is_one or parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"{url!r} is no URL of an Instance: it has to begin with http:// or https:// and a host"
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError(f"the URL of {parts.hostname} must have no user, no query and no fragment")
    return url.rstrip("/")


def trusted(address: Address) -> ssl.SSLContext | bool:
    """The TLS settings for aiohttp; True: the system's. Raises `SettingsError`."""
    if address.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(address.ca_file))
    except OSError as error:  # an SSLError is one too
        raise SettingsError(f"certificates to trust, {address.ca_file}: {error}") from error


class Bearer:
    """The `Authorization` header, as it has to be now."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._stamp: tuple[int, int, int] | None = None
        self._token = ""

    def header(self) -> str:
        """Raises `SettingsError` when there is no token that could be sent."""
        token = self._current().strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError("the token is empty, or no token: one line of ASCII without blanks")
        return f"Bearer {token}"

    def _current(self) -> str:
        if isinstance(self._source, str):
            return self._source
        if isinstance(self._source, Path):
            return self._of_file(self._source)
        return self._source()

    def _of_file(self, file: Path) -> str:
        """A file that is absent for a moment, while it is replaced, keeps the old token."""
        try:
            found = file.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._stamp:
                self._token = file.read_text()
                self._stamp = stamp
        except (OSError, UnicodeError) as error:
            if self._stamp is None:
                raise SettingsError(f"the token's file {file} cannot be read: {error}") from error
        return self._token


def _text(file: Path, problem: str) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{problem} ({file}: {error.strerror})") from error
