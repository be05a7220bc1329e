"""Every command and option of `gagarin`, from the program itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer.main

from gagarin.cli.main import app
from scripts.reference.markdown import escaped, table

INTRODUCTION = """\
# Commands

Every command with all its options; `gagarin COMMAND --help` says the same. Examples, and what the commands
are for, are in [the command line](../cli.md).
"""
TYPES: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "flag", Path: "path"}


def page() -> str:
    """The whole page."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    lines = [INTRODUCTION]
    for name, command in commands.items():
        lines += _command(name, command)
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    parameters = [each for each in command.params if not each.hidden]
    arguments = [_name(each) for each in parameters if not _is_option(each)]
    yield from (f"## {name}", "", " ".join(command.help.split()), "")
    yield from ("```text", " ".join(["gagarin", name, "[OPTIONS]", *arguments]), "```", "")
    if parameters:
        yield from (*table(("takes", "type", "default", "what it is"), map(_row, parameters)), "")


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _row(parameter: Any) -> tuple[str, ...]:
    names = (*parameter.opts, *parameter.secondary_opts) if _is_option(parameter) else (_name(parameter),)
    shown = ", ".join(f"`{name}`" for name in names)
    return shown, _kind(parameter), _default(parameter), escaped(parameter.help or "")


def _kind(parameter: Any) -> str:
    if _is_option(parameter) and parameter.is_flag:
        return "flag"
    annotation = parameter.type_descriptor.annotation
    several = get_args(annotation)  # of list[Path] or the like
    return f"{TYPES[several[0]]}, may be repeated" if several else TYPES[annotation]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "*required*"
    value = parameter.default
    return "" if callable(value) or value in (None, False, "", (), []) else f"`{value}`"


def _name(argument: Any) -> str:
    """Of an argument, which has a place and no name."""
    return str(argument.metavar or argument.name.upper())
