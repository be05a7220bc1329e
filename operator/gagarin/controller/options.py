"""Every setting of the operator: its name, how its text becomes a value, and what it means.

Every option `--some-name` is also the variable GAGARIN_SOME_NAME, and a value of the chart. One that may be
repeated takes several values in one variable, separated by commas.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gagarin.core.certificates import fault_of
from gagarin.core.settings import CA_BUNDLE_BYTES

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "text")
ANYWHERE = "0.0.0.0"  # noqa: S104 -- the kubelet and Prometheus reach a pod on any of its addresses


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: how its text becomes a value. A required option has no default; `shape` says whether it is
    given once, may be repeated, or stands for "true" when it is given without a value."""

    name: str
    read: Callable[[str], Any]
    help: str
    default: str | None = ""
    shape: str = "single"
    plural: bool = False

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "GAGARIN_" + self.name.upper().replace("-", "_") + ("S" if self.plural else "")

    @property
    def nothing(self) -> Any:
        """Its value when it is not given and has no default."""
        return () if self.shape == "repeated" else None


def read_ca_bundle(path: Path) -> str:
    """The certificates in a file, as PEM. Raises `ValueError` when it has none, or too many to pass on."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if (fault := fault_of(text)) is not None:
        raise ValueError(f"{path}: {fault}")
    if len(text.encode()) > CA_BUNDLE_BYTES:
        raise ValueError(f"{path} has more than {CA_BUNDLE_BYTES} bytes")
    return text


def _ca_bundle(text: str) -> Path:
    path = Path(text)
    read_ca_bundle(path)
    return path


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not a whole number between {least} and {most}")
        return int(text)

    return read


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return read


def _switch(text: str) -> bool:
    return _one_of(("true", "false"))(text) == "true"


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} does not begin with http:// or https://")
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _mirrors(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_mirror(part) for part in _names(text))


def _mirror(text: str) -> tuple[str, str]:
    prefix, equals, replacement = text.partition("=")
    if not (prefix and equals and replacement):
        raise ValueError(f"{text!r} is not of the form FROM=TO")
    return prefix, replacement


def _networks(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(part)) for part in _names(text))  # raises ValueError


NUMBER_OF_ID = _whole(0, 2**31 - 1)

OPTIONS = (
    Option(
        "namespace",
        _names,
        "a namespace to watch; may be repeated (none: the whole cluster)",
        shape="repeated",
        plural=True,
    ),
    Option("instance-image", str, "the image of the chat servers", default=None),
    Option("image-pull-policy", _one_of(PULL_POLICIES), "when the chat servers' image is pulled"),
    Option(
        "instance-image-pull-secret",
        _names,
        "a Secret in the pods' namespace to pull images with; may be repeated",
        shape="repeated",
    ),
    Option(
        "image-mirror",
        _mirrors,
        "FROM=TO: pull images whose name begins with FROM from TO; may be repeated",
        shape="repeated",
    ),
    Option("instance-http-proxy", _url, "the chat servers' proxy for http:// URLs"),
    Option("instance-https-proxy", _url, "the chat servers' proxy for https:// URLs"),
    Option("instance-no-proxy", str, "what the chat servers reach without a proxy, separated by commas"),
    Option("instance-ca-bundle", _ca_bundle, "a PEM file of CAs to trust beside the system's; read again"),
    Option("instance-fs-group", NUMBER_OF_ID, "the group of volumes (none: the platform assigns one)"),
    Option("instance-run-as-user", NUMBER_OF_ID, "the user of Stdio tools (none: the platform assigns one)"),
    Option(
        "api-server-cidr",
        _networks,
        "where restricted pods find the API server; may be repeated (none: its ports, anywhere)",
        shape="repeated",
    ),
    Option(
        "policy-stdio-image-prefix",
        _names,
        "how images of Stdio tools may begin; may be repeated (none: any)",
        shape="repeated",
    ),
    Option(
        "policy-annotation-prefix",
        _names,
        "how annotations of children may begin; may be repeated (none: any)",
        shape="repeated",
    ),
    Option("policy-secret-label", str, "KEY or KEY=VALUE: the label that Secrets must have to be used"),
    Option(
        "token-review", _switch, "chat servers have the right to make TokenReviews", "false", shape="switch"
    ),
    Option("host", str, "the address for health and metrics", default=ANYWHERE),
    Option("port", _whole(0, 65535), "the port for health and metrics", default="8081"),
    Option("lease-namespace", str, "where the Lease lives (none: the operator's own namespace)"),
    Option("lease-name", str, "the Lease that makes one operator active", default="gagarin-operator"),
    Option("pod-name", str, "who we are in the Lease and in Events (none: host and process)"),
    Option("workers", _whole(1, 256), "how many resources are worked on at once", default="16"),
    Option("max-concurrent-rollouts", _whole(1, 100_000), "how many Instances roll at once", default="20"),
    Option("resync-seconds", _whole(1, 86_400), "how often everything is listed again", default="300"),
    Option("kubeconfig", Path, "the API server to use (none: the one we run in)"),
    Option("log-level", _one_of(LOG_LEVELS), "the least severe messages to print", default="info"),
    Option("log-format", _one_of(LOG_FORMATS), "one JSON object a line, or text", default="json"),
)
