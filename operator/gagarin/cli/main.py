"""The `gagarin` command and its subcommands.

Each subcommand is a few lines: options in, one function of a module called, an exit status out. A
`CommandError` and a full disk are shown as one line; anything else is a defect and shows its trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from gagarin.cli.clustercommands import register, status_of_errors
from gagarin.cli.errors import CommandError
from gagarin.cli.settings import DEFAULT_OPERATOR, OperatorSettings, with_settings

app = typer.Typer(
    name="gagarin",
    help="Run LLM agents from Kubernetes manifests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gagarin {version('gagarin')}")
        raise typer.Exit


@app.callback()
def gagarin(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Run LLM agents from Kubernetes manifests."""


@app.command()
def dev(
    path: Annotated[Path, typer.Option("--file", "-f", help="A file or folder of manifests.")] = Path(),
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the first Instance, the next ones follow; 0 takes free ones. "
            "Without it: 8080 and on, and the same as the last time.",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None,
    env_file: Annotated[
        list[Path] | None,
        typer.Option(
            help="Lines NAME=VALUE for Secrets that are not among the manifests; may be repeated. "
            "Without it: .env of the folder.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    say: Annotated[
        str | None, typer.Option(help="Say this to every Instance, print the answers, and end.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where something would stand in for what is missing.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the conversations and ports of the last time.")
    ] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="text, or json: one object a line.")] = "text",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only what is ready, and what is wrong.")
    ] = False,
) -> None:
    """Run the Instances in a folder on this machine, without a cluster, and follow changes of the files."""
    from gagarin.cli.dev.report import FORMATS, Report
    from gagarin.cli.dev.session import Options, run

    if output not in FORMATS:
        raise CommandError(f"--output: {output!r} is not one of {', '.join(FORMATS)}")
    options = Options(path, port, tuple(env_file or ()), say, strict, fresh)
    report = Report(typer.echo, output, quiet=quiet)
    raise typer.Exit(asyncio.run(_until_signalled(run(options, report))))


Files = Annotated[
    list[Path], typer.Option("--file", "-f", help="A file or folder of manifests, or - for standard input.")
]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of objects that name none.")]
InstanceName = Annotated[str | None, typer.Option("--instance", help="Only Instances of this name.")]
Format = Annotated[str, typer.Option("--output", "-o", help="table, json or github.")]


@app.command()
@with_settings
def render(
    file: Files, settings: OperatorSettings, namespace: Namespace = "default", instance: InstanceName = None
) -> None:
    """Print the manifests that Instances become. Exit status 1 when one of them comes to nothing."""
    from gagarin.cli.manifests import read
    from gagarin.cli.render import rendered
    from gagarin.conversion.yamltext import as_yaml

    found, missing = rendered(read(file, namespace), settings, instance)
    for secret in sorted(missing):
        typer.echo(
            f"{secret} is not among the files: taken to be there, with the keys that are used", err=True
        )
    for each in found:
        for problem in each.problems:
            typer.echo(f"{each.instance}: {problem.reason}: {problem.message}", err=True)
        for child in each.children:
            typer.echo(f"---\n{as_yaml(child)}", nl=False)
    raise typer.Exit(any(each.problems for each in found))


@app.command()
@with_settings
def lint(
    file: Files, settings: OperatorSettings, namespace: Namespace = "default", output: Format = "table"
) -> None:
    """Say what is wrong with manifests, with file and line. Exit status 0: no error, 1: errors, 2: it could
    not look."""
    from gagarin.cli.findings import FORMATS
    from gagarin.cli.lint import lint as find
    from gagarin.cli.manifests import read

    with status_of_errors(2):
        if output not in FORMATS:
            raise CommandError(f"--output: {output!r} is not one of {', '.join(FORMATS)}")
        findings = find(read(file, namespace), settings.policy)
    Console(soft_wrap=True, highlight=False).print(FORMATS[output](findings), markup=False)
    raise typer.Exit(any(each.severity == "error" for each in findings))


@app.command()
@with_settings
def diff(
    file: Files,
    settings: OperatorSettings,
    namespace: Namespace = "default",
    kubeconfig: Annotated[
        Path | None, typer.Option(help="The cluster; else $KUBECONFIG, ~/.kube/config.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="The context of the kubeconfig.")] = None,
    operator: Annotated[str, typer.Option(help="NAMESPACE/NAME of the operator.")] = DEFAULT_OPERATOR,
) -> None:
    """Show what applying manifests would change of what runs. Exit status 0: nothing, 1: something, 2: no
    answer."""
    from gagarin.cli.kubeconfig import endpoint_of
    from gagarin.cli.manifests import read
    from gagarin.cli.outlook import Question, show

    with status_of_errors(2):
        question = Question(
            endpoint=endpoint_of(kubeconfig, context),
            files=read(file, namespace).objects(),
            operator=operator,
            told=settings.given,
        )
        changed = asyncio.run(
            show(question, Console(soft_wrap=True, highlight=False), partial(typer.echo, err=True))
        )
    raise typer.Exit(changed)


@app.command()
def schemas(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing, say which are not in step.")] = False,
) -> None:
    """Write the JSON Schemas of the five kinds, for editors and validators."""
    from gagarin.cli.schemas import out_of_step, write

    if check:
        stale = out_of_step(folder)
        for name in stale:
            typer.echo(f"{folder / name} is not in step", err=True)
        raise typer.Exit(bool(stale))
    for name in write(folder):
        typer.echo(folder / name)


@app.command()
def convert(
    config: Annotated[Path, typer.Argument(help="The configuration, or - for standard input.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder for manifests.yaml and secrets.yaml."),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Namespace to write down.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
) -> None:
    """Turn a configuration of the original Gagarin into manifests. ${VAR} comes from the environment."""
    from gagarin.cli.convert import as_documents, converted, report, write

    found = converted(config, namespace)
    if output is not None:
        for file in write(found, output, force=force):
            typer.echo(file)
    else:
        typer.echo(as_documents(found.manifests), nl=False)
        if found.secrets:
            left = "1 Secret is" if len(found.secrets) == 1 else f"{len(found.secrets)} Secrets are"
            typer.echo(f"{left} left out: --output writes it to a file of its own", err=True)
    for line in report(found.notes):
        typer.echo(line, err=True)


@app.command()
def completion(
    context: typer.Context,
    shell: Annotated[str, typer.Argument(help="bash, zsh, fish or powershell.")],
) -> None:
    """Print what makes a shell complete this command; for bash: source <(gagarin completion bash)."""
    from typer.completion import show_callback

    show_callback(context, context.command.params[0], shell)


register(app)


async def _until_signalled(work: Coroutine[Any, Any, int]) -> int:
    """Cancels the work on SIGINT, SIGTERM and the end of the terminal, so that it can end its children and
    remove the keys that it wrote down; that is no failure. Under nohup the terminal's end is not heeded."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        ends.remove(signal.SIGHUP)
    for number in ends:
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return 0


def main() -> None:
    """The entry point of the console script. A standard stream that was closed is an empty one."""
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 -- for as long as it runs
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except CommandError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python tries once more to write it, at its end
        _fail(os.strerror(error.errno))


def _fail(why: str) -> NoReturn:
    typer.echo(f"error: {why}", err=True)
    sys.exit(1)
