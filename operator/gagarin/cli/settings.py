"""The operator's settings that decide what Instances become, for commands that do the same without it.

The options and variables are the operator's own, by the same names, so that what an installation is told can
be told here: `--image-mirror FROM=TO`, or GAGARIN_IMAGE_MIRROR. The commands take them as one value
(`with_settings`), and `gagarin diff` reads them from the operator's Deployment.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gagarin.cli.errors import CommandError
from gagarin.core.certificates import fault_of
from gagarin.core.policy import Policy
from gagarin.core.settings import Proxy, RenderSettings

PANEL = "What the operator is told"
DEFAULT_OPERATOR = "gagarin-system/gagarin-operator"
DEFAULT_IMAGE = "gagarin.local/gagarin:dev"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of the operator. `many` may be repeated; in a variable its values are separated by
    commas."""

    name: str
    help: str
    many: bool = False

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "GAGARIN_" + self.name.upper().replace("-", "_")

    @property
    def field(self) -> str:
        """Its name as a parameter."""
        return self.name.replace("-", "_")


OPTIONS = (
    Option("instance-image", "The image of the chat servers."),
    Option("image-pull-policy", "When it is pulled: Always, IfNotPresent or Never."),
    Option("instance-image-pull-secret", "A Secret to pull images with.", many=True),
    Option("image-mirror", "FROM=TO: pull images that begin with FROM from TO.", many=True),
    Option("instance-http-proxy", "Proxy for http:// addresses."),
    Option("instance-https-proxy", "Proxy for https:// addresses."),
    Option("instance-no-proxy", "What is reached without a proxy, separated by commas."),
    Option("instance-ca-bundle", "A PEM file of authorities to trust beside the system's."),
    Option("instance-fs-group", "Group of the files on volumes."),
    Option("instance-run-as-user", "User of Stdio tools."),
    Option("api-server-cidr", "Where restricted pods find the API server.", many=True),
    Option("policy-stdio-image-prefix", "How images of Stdio tools may begin.", many=True),
    Option("policy-annotation-prefix", "How annotations may begin.", many=True),
    Option("policy-secret-label", "KEY or KEY=VALUE: the label of Secrets that may be used."),
    Option("token-review", "true, when chat servers may make TokenReviews."),
)
Given = Mapping[str, str]  # by option name; several values are separated by commas


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """What `resolve` and `render` want to know. `given` is what it was made of."""

    render: RenderSettings
    policy: Policy
    given: Given


def settings_of(given: Given, read: Callable[[str], str] | None = None) -> OperatorSettings:
    """The settings, as the operator reads them. `read` gives the text of the CA bundle; without it, it is a
    file.

    Raises `CommandError` that names the option.
    """
    bundle = _bundle(given["instance-ca-bundle"], read or _file) if given.get("instance-ca-bundle") else ""
    render = RenderSettings(
        image=given.get("instance-image") or DEFAULT_IMAGE,
        image_pull_policy=given.get("image-pull-policy") or None,
        image_pull_secrets=_several(given, "instance-image-pull-secret"),
        image_mirrors=tuple(_mirror(pair) for pair in _several(given, "image-mirror")),
        proxy=Proxy(*(given.get(f"instance-{name}-proxy", "") for name in ("http", "https", "no"))),
        ca_bundle=bundle,
        fs_group=_number(given, "instance-fs-group"),
        run_as_user=_number(given, "instance-run-as-user"),
        api_server_cidrs=_several(given, "api-server-cidr"),
    )
    policy = Policy(
        stdio_images=_several(given, "policy-stdio-image-prefix"),
        annotation_prefixes=_several(given, "policy-annotation-prefix"),
        secret_label=given.get("policy-secret-label", ""),
        token_review=given.get("token-review") == "true",
    )
    return OperatorSettings(render, policy, given)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command all the options above, and hands it their `OperatorSettings` as `settings`."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> Any:
        told = {option.name: arguments.pop(option.field) for option in OPTIONS}
        texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in told.items()}
        given = {name: text for name, text in texts.items() if text}
        try:
            settings = settings_of(given)
        except CommandError as error:  # bad usage, as for every other option
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from error
        return command(settings=settings, **arguments)

    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "settings"]
    parameters = [*own, *(_parameter(option) for option in OPTIONS)]
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def _parameter(option: Option) -> inspect.Parameter:
    told = typer.Option(
        f"--{option.name}",
        envvar=option.variable,
        help=option.help,
        rich_help_panel=PANEL,
        show_default=False,
    )
    kind: Any = list[str] | None if option.many else str | None
    return inspect.Parameter(
        option.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, told]
    )


def _several(given: Given, name: str) -> tuple[str, ...]:
    parts = (part.strip() for part in given.get(name, "").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _mirror(pair: str) -> tuple[str, str]:
    prefix, _, replacement = pair.partition("=")
    if not (prefix and replacement):
        raise CommandError(f"--image-mirror: {pair!r} is not of the form FROM=TO")
    return prefix, replacement


def _number(given: Given, name: str) -> int | None:
    text = given.get(name, "")
    if text and not text.isdecimal():
        raise CommandError(f"--{name}: {text!r} is not a whole number")
    return int(text) if text else None


def _bundle(name: str, read: Callable[[str], str]) -> str:
    try:
        text = read(name)
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise CommandError(f"--instance-ca-bundle: {name} cannot be read: {error}") from error
    if fault := fault_of(text):
        raise CommandError(f"--instance-ca-bundle: {name}: {fault}")
    return text


def _file(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")
