"""What the process is told: command line, then environment, then the defaults of a pod.

Each option is also an environment variable: `--ops-port` is GAGARIN_OPS_PORT. A repeatable option is one
variable with its values separated by commas. What cannot be used is named and ends the start.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gagarin.serving.errors import StartError
from gagarin.serving.logs import LEVELS
from gagarin.serving.options import Options, level, port, seconds, switch, whole

INSTANCE_URL = "{scheme}://{name}.{namespace}.svc"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`kubeconfig` None: the pod's own ServiceAccount. The two `tls` files are there together, or not at all:
    then it speaks HTTP. `service_account` is that account's name and
    `namespace` where it lives ("": the kubeconfig's or the pod's): tokens for Instances are asked for
    it."""

    host: str
    port: int
    ops_port: int
    kubeconfig: Path | None
    service_account: str
    namespace: str
    default_namespace: str
    instance_url: str
    instance_ca_file: Path | None
    tls_cert_file: Path | None
    tls_key_file: Path | None
    cors_origins: tuple[str, ...]
    web_page: bool
    max_body: int
    body_timeout: float
    drain_seconds: float
    log_level: str


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings. Raises `StartError`, naming the option; `--help` ends the process."""
    settings = Settings(**_options(environment).parse(arguments))
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        raise StartError("--tls-cert-file and --tls-key-file: one of them is of no use without the other")
    return settings


def _options(environment: Mapping[str, str]) -> Options:
    about = "The original's REST API over the custom resources."
    options = Options("python3 -m gagarin.gateway", about, environment)
    add = options.add
    add("--host", "0.0.0.0", str, "address to listen on")  # noqa: S104  # serves a pod's network
    add("--port", "8080", port, "port of the API; 0 picks a free one")
    add("--ops-port", "8081", port, "port of health and metrics; 0 picks a free one")
    add("--kubeconfig", None, Path, "kubeconfig with a token; default: the pod's ServiceAccount")
    add("--service-account", "gagarin-gateway", str, "name of the gateway's own ServiceAccount")
    add("--namespace", "", _namespace_or_none, "namespace of that ServiceAccount; default: the pod's")
    add(
        "--default-namespace",
        "default",
        _namespace,
        "namespace of calls that do not begin with /ns/NAMESPACE",
    )
    add("--instance-url", INSTANCE_URL, _template, "where an Instance answers")
    add(
        "--instance-ca-file",
        None,
        Path,
        "certificates that Instances with TLS are checked with, beside the system's",
    )
    add("--tls-cert-file", None, Path, "certificates, PEM, to speak HTTPS with; default: HTTP")
    add("--tls-key-file", None, Path, "the key of --tls-cert-file, PEM")
    add(
        "--cors-origins",
        "",
        _origins,
        "origins whose pages may call, separated by commas, or *; default: none",
    )
    add("--web-page", "true", switch, "whether the web page is served at /web/, true or false")
    add("--max-body", "2097152", whole, "the most bytes that a body has")
    add("--body-timeout", "30", seconds, "seconds within which a request's body has to arrive")
    add("--drain-seconds", "330", seconds, "seconds that answers may go on after SIGTERM")
    add("--log-level", "info", level, "least level of the log: " + ", ".join(LEVELS))
    return options


def _namespace(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a namespace")
    return text


def _namespace_or_none(text: str) -> str:
    return _namespace(text) if text else ""


def _template(text: str) -> str:
    """A URL; `{name}`, `{namespace}` and `{scheme}` in it are the Instance's."""
    try:
        url = urlsplit(text.format(scheme="http", name="name", namespace="namespace"))
    except (KeyError, ValueError, IndexError):
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL with {{scheme}}, {{name}} and {{namespace}}")
    return text.rstrip("/")


def _origins(text: str) -> tuple[str, ...]:
    """As browsers send them: scheme, host and port, no path (RFC 6454)."""
    origins = tuple(each.strip() for each in text.split(",") if each.strip())
    for origin in origins:
        url = urlsplit(origin)
        if origin != "*" and (
            url.scheme not in ("http", "https") or origin != f"{url.scheme}://{url.netloc}"
        ):
            raise argparse.ArgumentTypeError(
                f"{origin!r} is neither an origin such as https://example.com nor *"
            )
    return origins
