"""What the operator can be told: command line > environment > default.

A value that cannot be used stops the start with exit code 2 and names its key: an operator that guesses is
worse than one that does not run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gagarin.controller.options import OPTIONS, Option, read_ca_bundle
from gagarin.core.policy import Policy
from gagarin.core.settings import Proxy, RenderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One frozen object a process. No namespaces means the whole cluster."""

    namespaces: tuple[str, ...]
    instance_image: str
    image_pull_policy: str | None
    instance_image_pull_secret: tuple[str, ...]
    image_mirror: tuple[tuple[str, str], ...]
    instance_http_proxy: str | None
    instance_https_proxy: str | None
    instance_no_proxy: str | None
    instance_ca_bundle: Path | None
    instance_fs_group: int | None
    instance_run_as_user: int | None
    api_server_cidr: tuple[str, ...]
    policy_stdio_image_prefix: tuple[str, ...]
    policy_annotation_prefix: tuple[str, ...]
    policy_secret_label: str | None
    token_review: bool
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

    def render(self) -> RenderSettings:
        """The part that reaches the children, with the CA bundle as its file is now. Raises `ValueError` when
        that cannot be used."""
        bundle = self.instance_ca_bundle
        return RenderSettings(
            image=self.instance_image,
            image_pull_policy=self.image_pull_policy,
            image_pull_secrets=self.instance_image_pull_secret,
            image_mirrors=self.image_mirror,
            proxy=Proxy(
                http=self.instance_http_proxy or "",
                https=self.instance_https_proxy or "",
                no_proxy=self.instance_no_proxy or "",
            ),
            ca_bundle=read_ca_bundle(bundle) if bundle is not None else "",
            fs_group=self.instance_fs_group,
            run_as_user=self.instance_run_as_user,
            api_server_cidrs=self.api_server_cidr,
        )

    @property
    def policy(self) -> Policy:
        """What this installation allows its users."""
        return Policy(
            stdio_images=self.policy_stdio_image_prefix,
            annotation_prefixes=self.policy_annotation_prefix,
            secret_label=self.policy_secret_label or "",
            token_review=self.token_review,
        )

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """The namespaces to list and watch, each by itself; None is all of them at once."""
        return self.namespaces or (None,)


def field_of(option: Option) -> str:
    """The name of an option in `Settings`."""
    return "namespaces" if option.name == "namespace" else option.name.replace("-", "_")


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings. Ends the process with code 2 and a message that names the key when one is wrong."""
    parser = argparse.ArgumentParser(prog="gagarin.controller", allow_abbrev=False, description=__doc__)
    for option in OPTIONS:
        help_text = f"{option.help} [{option.variable}]"
        if option.shape == "repeated":
            parser.add_argument(f"--{option.name}", action="append", help=help_text)
        elif option.shape == "switch":
            parser.add_argument(f"--{option.name}", nargs="?", const="true", help=help_text)
        else:
            parser.add_argument(f"--{option.name}", help=help_text)
    given = vars(parser.parse_args(arguments))
    values = {field_of(option): _value(parser, option, given, environment) for option in OPTIONS}
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
        return option.read(text) if text else option.nothing
    except ValueError as error:
        parser.error(f"{key}: {error}")
