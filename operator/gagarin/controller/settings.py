"""What the operator can be told: command line > environment > default.

Every option `--some-name` is also the variable GAGARIN_SOME_NAME. A value that cannot be used stops the start
with exit code 2 and names its key: an operator that guesses is worse than one that does not run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gagarin.core.render import RenderSettings

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One frozen object a process. No namespaces means the whole cluster."""

    instance_image: str
    image_pull_policy: str | None
    namespaces: tuple[str, ...]
    host: str
    port: int
    lease_namespace: str | None
    lease_name: str
    pod_name: str
    workers: int
    max_concurrent_rollouts: int
    resync_seconds: int
    kubeconfig: Path | None
    log_level: str
    log_format: str

    @property
    def render(self) -> RenderSettings:
        """The part that reaches the children."""
        return RenderSettings(image=self.instance_image, image_pull_policy=self.image_pull_policy)

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """The namespaces to list and watch, each by itself; None is all of them at once."""
        return self.namespaces or (None,)


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: how its text becomes a value. A required option has no default."""

    name: str
    read: Callable[[str], Any]
    help: str
    default: str | None = ""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "GAGARIN_" + (
            "NAMESPACES" if self.name == "namespace" else self.name.upper().replace("-", "_")
        )

    @property
    def field(self) -> str:
        """Its name in `Settings`."""
        return "namespaces" if self.name == "namespace" else self.name.replace("-", "_")


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not a whole number between {least} and {most}")
        return int(text)

    return read


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return read


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


ANYWHERE = "0.0.0.0"  # noqa: S104 -- the kubelet and Prometheus reach a pod on any of its addresses

OPTIONS = (
    Option("namespace", _names, "a namespace to watch; may be repeated (none: the whole cluster)"),
    Option("instance-image", str, "the image of the chat servers", default=None),
    Option("image-pull-policy", _one_of(PULL_POLICIES), "when the chat servers' image is pulled"),
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


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings. Ends the process with code 2 and a message that names the key when one is wrong."""
    parser = argparse.ArgumentParser(prog="gagarin.controller", allow_abbrev=False, description=__doc__)
    for option in OPTIONS:
        action = "append" if option.name == "namespace" else "store"
        parser.add_argument(f"--{option.name}", action=action, help=f"{option.help} [{option.variable}]")
    given = vars(parser.parse_args(arguments))
    values = {option.field: _value(parser, option, given, environment) for option in OPTIONS}
    values["pod_name"] = values["pod_name"] or f"{os.uname().nodename}-{os.getpid()}"
    return Settings(**values)


def _value(
    parser: argparse.ArgumentParser, option: Option, given: dict[str, Any], environment: Mapping[str, str]
) -> Any:
    key, text = f"--{option.name}", given[option.name.replace("-", "_")]
    if isinstance(text, list):
        text = ",".join(text)
    if text is None:
        key, text = option.variable, environment.get(option.variable) or option.default
    if text is None:
        parser.error(f"--{option.name} (or {option.variable}) is required")
    try:
        return option.read(text) if text else _nothing(option)
    except ValueError as error:
        parser.error(f"{key}: {error}")


def _nothing(option: Option) -> Any:
    return () if option.name == "namespace" else None
