"""Which API server we talk to, and as whom.

Three ways: the files that Kubernetes mounts into every pod, a kubeconfig (tokens or client certificates; exec
plugins, which are programs of the user, only where the caller runs them), or explicit values. A token that
comes from a file is read again whenever the file changes, because the kubelet replaces it long before it
expires.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gagarin.kube.errors import EndpointError

Plugin = Callable[[dict[str, Any]], dict[str, Any]]
SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server and our credentials. Secret parts stay out of the repr.

    `server` is a URL without a trailing slash. Of `token` and `token_file` at most one is set;
    `client_certificate` and `client_key` are PEM, and so is `ca`.
    """

    server: str
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca: str | None = field(default=None, repr=False)
    client_certificate: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)
    verify: bool = True
    namespace: str = "default"

    def __post_init__(self) -> None:
        if not self.server.startswith(("https://", "http://")):
            raise EndpointError(f"API server {self.server!r}: the URL must begin with https:// or http://")
        object.__setattr__(self, "server", self.server.rstrip("/"))

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS settings; None for a plain http:// server. Raises `EndpointError` for unusable PEM."""
        if self.server.startswith("http://"):
            return None
        try:
            context = ssl.create_default_context(cadata=self.ca)
            if self.client_certificate and self.client_key:
                _load_client_certificate(context, self.client_certificate, self.client_key)
        except ssl.SSLError as error:
            raise EndpointError(
                f"API server {self.server}: the certificates cannot be read: {error}"
            ) from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class TokenSource:
    """The bearer token of an endpoint: fixed, or the current content of a file."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._file = endpoint.token_file
        self._token = endpoint.token
        self._stamp: tuple[int, int] | None = None

    def read(self) -> str | None:
        """The token to send now. A file that is briefly absent while it is replaced keeps the old one."""
        if self._file is None:
            return self._token
        try:
            status = self._file.stat()
            if (stamp := (status.st_mtime_ns, status.st_ino)) != self._stamp:
                self._token = self._file.read_text().strip()
                self._stamp = stamp
        except OSError as error:
            if self._token is None:
                raise EndpointError(f"token file {self._file}: {error.strerror}") from error
        return self._token


def in_cluster(
    environment: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT_FOLDER
) -> Endpoint:
    """The endpoint of a pod. Raises `EndpointError` outside of one."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise EndpointError("not in a cluster: KUBERNETES_SERVICE_HOST is not set")
    try:
        ca = (folder / "ca.crt").read_text()
        namespace = (folder / "namespace").read_text().strip()
    except OSError as error:
        raise EndpointError(f"service account folder {folder}: {error}") from error
    return Endpoint(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        token_file=folder / "token",
        ca=ca,
        namespace=namespace,
    )


def from_kubeconfig(path: Path, context: str | None = None, plugin: Plugin | None = None) -> Endpoint:
    """The endpoint of a kubeconfig's current (or the named) context. `plugin` runs what `exec` of a user says
    and gives what a user without it would have; None refuses such users."""
    document = _load(path)
    chosen = context or document.get("current-context") or ""
    entry = _named(path, document, "contexts", "context", chosen)
    cluster = _named(path, document, "clusters", "cluster", entry.get("cluster", ""))
    user = _named(path, document, "users", "user", entry.get("user", "")) if entry.get("user") else {}
    if plugin is not None and "exec" in user:
        user |= plugin(user.pop("exec"))
    if unsupported := {"exec", "auth-provider", "username"} & user.keys():
        raise EndpointError(f"kubeconfig {path}: user {entry['user']!r}: {min(unsupported)} is not supported")
    return Endpoint(
        server=cluster.get("server", ""),
        token=user.get("token"),
        token_file=_beside(path, user["tokenFile"]) if "tokenFile" in user else None,
        ca=_pem(path, cluster, "certificate-authority"),
        client_certificate=_pem(path, user, "client-certificate"),
        client_key=_pem(path, user, "client-key"),
        verify=not cluster.get("insecure-skip-tls-verify", False),
        namespace=entry.get("namespace") or "default",
    )


def _load(path: Path) -> dict[str, Any]:
    import yaml  # here, because the chat server imports this module and never reads a kubeconfig

    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise EndpointError(f"kubeconfig {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise EndpointError(f"kubeconfig {path}: {error}") from error
    if not isinstance(document, dict):
        raise EndpointError(f"kubeconfig {path}: it is not a mapping")
    return document


def _named(path: Path, document: dict[str, Any], section: str, content: str, name: str) -> dict[str, Any]:
    for entry in document.get(section) or []:
        if entry.get("name") == name:
            return dict(entry.get(content) or {})
    raise EndpointError(f"kubeconfig {path}: {section} has no entry named {name!r}")


def _pem(path: Path, holder: dict[str, Any], key: str) -> str | None:
    """PEM text from `KEY-data` (base64) or from the file that `KEY` names."""
    try:
        if data := holder.get(f"{key}-data"):
            return base64.b64decode(data, validate=True).decode("ascii")
        if file := holder.get(key):
            return _beside(path, file).read_text()
    except (OSError, ValueError) as error:
        raise EndpointError(f"kubeconfig {path}: {key}: {error}") from error
    return None


def _beside(path: Path, file: str) -> Path:
    """A file named in a kubeconfig: relative names are relative to the kubeconfig."""
    return path.parent / file


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """`ssl` reads key pairs from files only; this one exists for a moment, readable by us alone."""
    with tempfile.NamedTemporaryFile(mode="w", suffix=".pem") as pair:
        pair.write(f"{certificate}\n{key}\n")
        pair.flush()
        context.load_cert_chain(pair.name)
