"""The `gagarin` command and its subcommands.

Each subcommand is a few lines: options in, one function of a module called, an exit status out. A
`CommandError` is shown as one line; anything else is a defect and shows its trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from gagarin.cli.errors import CommandError

app = typer.Typer(
    name="gagarin",
    help="Run LLM agents from Kubernetes manifests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def gagarin() -> None:
    """Run LLM agents from Kubernetes manifests."""


@app.command()
def dev(
    path: Annotated[Path, typer.Option("--file", "-f", help="A file or folder of manifests.")],
    port: Annotated[
        int,
        typer.Option(
            help="Port of the first Instance, the next ones follow; 0 takes free ones.", min=0, max=65535
        ),
    ] = 8080,
    say: Annotated[
        str | None, typer.Option(help="Say this to every Instance, print the answers, and end.")
    ] = None,
) -> None:
    """Run the Instances in a folder on this machine, without a cluster."""
    from gagarin.cli.dev import Options, run

    raise typer.Exit(asyncio.run(_until_signalled(run(Options(path, port, say), typer.echo))))


async def _until_signalled(work: Coroutine[Any, Any, int]) -> int:
    """Cancels the work on SIGINT and SIGTERM, so that it can end its children; that is no failure."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return 0


def main() -> None:
    """The entry point of the console script."""
    try:
        app()
    except CommandError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
