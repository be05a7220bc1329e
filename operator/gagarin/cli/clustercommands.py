"""The subcommands about Instances that run: chat, token, status, logs; and `init`, which comes before them.

The cluster is the one that kubectl would take, and what is done there is done with the user's own rights.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from gagarin.cli.errors import CommandError

if TYPE_CHECKING:
    from gagarin.cli.dev.reach import Here
    from gagarin.cli.reach import Direct, Through
    from gagarin.kube.endpoint import Endpoint

Kubeconfig = Annotated[Path | None, typer.Option(help="The cluster; else $KUBECONFIG, ~/.kube/config.")]
Context = Annotated[str | None, typer.Option(help="The context of the kubeconfig.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="The Instance's; else the kubeconfig's.")
]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="The ServiceAccount to be: default, or developer with `gagarin dev`.",
        show_default=False,
    ),
]
Dev = Annotated[
    bool | None,
    typer.Option(
        "--dev/--no-dev",
        help="That of a running `gagarin dev`, or of a cluster; else the first that has it.",
        show_default=False,
    ),
]
Output = Annotated[str, typer.Option("--output", "-o", help="table, json or yaml.")]
Name = Annotated[str, typer.Argument(metavar="INSTANCE", help="Its name.")]


def register(app: typer.Typer) -> None:
    """Adds them to the program."""
    for command in (init, chat, status, logs, token):
        app.command()(command)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write them.")] = Path(),
    name: Annotated[str, typer.Option(help="Of the Agent and the Instance.")] = "hello",
) -> None:
    """Write first manifests: a Provider, an Agent, an Instance, and who may chat with it."""
    from gagarin.cli.init import write

    for file in write(folder, name):
        typer.echo(file)
    typer.echo(f"Next: gagarin dev -f {shlex.quote(str(folder))}", err=True)


def chat(
    instance: Annotated[str | None, typer.Argument(metavar="[INSTANCE]", help="Its name.")] = None,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Say this, print the answer, and end.")
    ] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", "-c", help="Go on with this one.")
    ] = None,
    service_account: As = None,
    namespace: Namespace = None,
    url: Annotated[
        str | None, typer.Option(help="Where it is, instead of its name: with `gagarin dev`, say.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="With --url: the file of a token.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust, if it serves TLS.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="No Markdown: the text as it comes.")] = False,
    dev: Dev = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Chat with an Instance, at the keyboard or with one message. What is piped in is one message too."""
    from gagarin.cli.chat import Screen, converse, keyboard, once
    from gagarin.cli.reach import Direct

    if (instance is None) == (url is None):
        raise CommandError("name an Instance, or say with --url where it is")
    way: Direct | Through
    if url is not None:
        way = Direct(url, _given_token(token_file), ca_file)
    elif here := _here(instance or "", namespace, dev, kubeconfig, context):
        typer.echo(f"chatting with {here}", err=True)
        way = here.way(service_account, ca_file)
    else:
        way = _through(instance or "", namespace, service_account, kubeconfig, context, ca_file)
    screen = Screen(Console(highlight=False), Console(stderr=True, highlight=False), plain)
    if (said := _piped() if message is None else message) is not None:
        once(way, said, conversation, screen)
        return
    with keyboard(Path.home() / ".local" / "state" / "gagarin" / "history") as ask:
        converse(way, conversation, screen, ask)


def token(
    instance: Name,
    service_account: As = None,
    duration: Annotated[str, typer.Option(help="How long it lasts, at least 10m.")] = "1h",
    namespace: Namespace = None,
    dev: Dev = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print a token for an Instance, made for a ServiceAccount that you may make tokens of."""
    from gagarin.cli.instancenames import instance_key
    from gagarin.cli.tokens import Bearer, seconds_of

    seconds = seconds_of(duration)
    if here := _here(instance, namespace, dev, kubeconfig, context):
        bearer = here.bearer(service_account, seconds)
    else:
        endpoint = _endpoint(kubeconfig, context)
        key = instance_key(namespace or endpoint.namespace, instance)
        bearer = Bearer(endpoint, key, service_account or "default", seconds)
    made = asyncio.run(bearer.token())
    typer.echo(made.token)
    typer.echo(f"until {made.expiration_timestamp}", err=True)


def status(
    instance: Annotated[str | None, typer.Argument(metavar="[INSTANCE]", help="One; else all.")] = None,
    namespace: Namespace = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="List those of all.")] = False,
    output: Output = "table",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Say why an Instance is not ready: all that it depends on in one picture. Exit status 0: ready, 1: not,
    2: no answer."""
    from gagarin.cli.instancenames import instance_key
    from gagarin.cli.listing import checked_format
    from gagarin.cli.picture import show_all, show_one

    # Lines are only folded for eyes: who searches in them wants them whole.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 1000)
    with status_of_errors(2):
        checked_format(output)
        endpoint = _endpoint(kubeconfig, context)
        where = namespace or endpoint.namespace
        if instance is None:
            ready = show_all(endpoint, None if everywhere else where, output, console)
        else:
            ready = show_one(endpoint, instance_key(where, instance), output, console)
    raise typer.Exit(not ready)


def logs(
    instance: Name,
    kind: Annotated[str | None, typer.Option(help="Only event, access or audit lines.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    tail: Annotated[
        int, typer.Option(help="Only so many last lines of each container; -1: all.", min=-1)
    ] = -1,
    output: Annotated[str, typer.Option("--output", "-o", help="text, or json: one object a line.")] = "text",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show what the pods of an Instance write."""
    from gagarin.cli.forwarding import Kubectl
    from gagarin.cli.instancenames import instance_key
    from gagarin.cli.podlogs import Wanted, lines

    if output not in ("text", "json"):
        raise CommandError(f"--output: {output!r} is not one of text, json")
    wanted = Wanted(kind, follow, tail, json=output == "json")
    key = instance_key(namespace or _endpoint(kubeconfig, context).namespace, instance)
    try:
        for line in lines(Kubectl(kubeconfig, context), key, wanted):
            typer.echo(line)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@contextmanager
def status_of_errors(status: int) -> Iterator[None]:
    """Another exit status for a `CommandError`, where 1 says something else."""
    try:
        yield
    except CommandError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(status) from error


def _endpoint(kubeconfig: Path | None, context: str | None) -> Endpoint:
    """The cluster that is meant. Whoever has none may have meant what runs here."""
    from gagarin.cli.dev.state import running
    from gagarin.cli.kubeconfig import NoKubeconfigError, endpoint_of

    try:
        return endpoint_of(kubeconfig, context)
    except NoKubeconfigError as error:
        here = ", ".join(served.called for session in running() for served in session.instances)
        hint = (
            f"`gagarin dev` runs, for `chat` and `token`: {here}" if here else "no `gagarin dev` runs either"
        )
        raise CommandError(f"{error}\n  {hint}") from error


def _piped() -> str | None:
    """All of standard input, unless somebody sits there."""
    if sys.stdin.isatty():
        return None
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise CommandError("standard input is no text in UTF-8") from error
    if not text.strip():
        raise CommandError("nothing is said: standard input is empty, and there is no --message")
    return text


def _given_token(file: Path | None) -> str | Path:
    if file is not None:
        return file
    if found := os.environ.get("GAGARIN_TOKEN"):
        return found
    raise CommandError("--url needs a token: --token-file, or GAGARIN_TOKEN in the environment")


def _here(
    instance: str, namespace: str | None, dev: bool | None, kubeconfig: Path | None, context: str | None
) -> Here | None:
    """Whoever names a cluster means it."""
    from gagarin.cli.dev.reach import found_here

    wanted = False if dev is None and (kubeconfig is not None or context is not None) else dev
    return found_here(instance, namespace, wanted=wanted)


def _through(
    instance: str,
    namespace: str | None,
    service_account: str | None,
    kubeconfig: Path | None,
    context: str | None,
    ca_file: Path | None,
) -> Through:
    from gagarin.cli.forwarding import Kubectl
    from gagarin.cli.instancenames import instance_key
    from gagarin.cli.reach import Through
    from gagarin.cli.tokens import Bearer

    endpoint = _endpoint(kubeconfig, context)
    key = instance_key(namespace or endpoint.namespace, instance)
    return Through(Kubectl(kubeconfig, context), Bearer(endpoint, key, service_account or "default"), ca_file)
