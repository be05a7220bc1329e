"""What the process is told: command line, then environment, then the defaults of a pod.

Each option is also an environment variable: `--ops-port` is GAGARIN_OPS_PORT. A repeatable option is one
variable with its values separated by commas. What cannot be used is named and ends the start.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from gagarin.gateway.errors import StartError
from gagarin.gateway.logs import LEVELS

ENVIRONMENT_PREFIX = "GAGARIN_"
INSTANCE_URL = "{scheme}://{name}.{namespace}.svc"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`kubeconfig` None: the pod's own ServiceAccount. `service_account` is that account's name and
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
    cors_origins: tuple[str, ...]
    max_body: int
    body_timeout: float
    drain_seconds: float
    log_level: str


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving the process, so that all faults of a start end the same way."""

    def error(self, message: str) -> NoReturn:
        raise StartError(message)


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings. Raises `StartError`, naming the option; `--help` ends the process."""
    return Settings(**vars(_parser(environment).parse_args(arguments)))


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python3 -m gagarin.gateway",
        description="The original's REST API over the custom resources.",
        epilog=f"Each option is also an environment variable: --ops-port is {ENVIRONMENT_PREFIX}OPS_PORT.",
        allow_abbrev=False,
    )

    def add(option: str, default: str | None, kind: Callable[[str], Any], text: str) -> None:
        variable = ENVIRONMENT_PREFIX + option[2:].replace("-", "_").upper()
        given = _from_environment(variable, environment, kind)
        preset = default if given is None else given
        parser.add_argument(option, default=preset, type=kind, metavar="VALUE", help=f"{text} ({default})")

    add("--host", "0.0.0.0", str, "address to listen on")  # noqa: S104  # serves a pod's network
    add("--port", "8080", _port, "port of the API; 0 picks a free one")
    add("--ops-port", "8081", _port, "port of health and metrics; 0 picks a free one")
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
    add(
        "--cors-origins",
        "",
        _origins,
        "origins whose pages may call, separated by commas, or *; default: none",
    )
    add("--max-body", "2097152", _whole, "the most bytes that a body has")
    add("--body-timeout", "30", _seconds, "seconds within which a request's body has to arrive")
    add("--drain-seconds", "330", _seconds, "seconds that answers may go on after SIGTERM")
    add("--log-level", "info", _level, "least level of the log: " + ", ".join(LEVELS))
    return parser


def _from_environment(variable: str, environment: Mapping[str, str], kind: Callable[[str], Any]) -> Any:
    if (value := environment.get(variable)) is None:
        return None
    try:
        return kind(value)
    except argparse.ArgumentTypeError as error:
        raise StartError(f"environment variable {variable}: {error}") from error


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number")
    return int(text)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and up to 86400")
    return seconds


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


def _level(text: str) -> str:
    if text not in LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(LEVELS)}")
    return text
