"""docs/cli.md has every command with an example, and no command or option that does not exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gagarin.cli.main import app

PAGE = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
EXAMPLES = [
    line.removeprefix("source <(").removesuffix(")")
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if "gagarin " in line
]


def test_every_command_has_its_line_its_part_and_an_example() -> None:
    assert set(re.findall(r"^\| \[`(\w+)`\]\(#\w+\)", PAGE, re.MULTILINE)) == set(COMMANDS)
    assert set(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)) == set(COMMANDS)
    assert {shlex.split(example)[1] for example in EXAMPLES} == set(COMMANDS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_command_line_that_the_program_takes(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    COMMANDS[name].make_context(name, arguments)


def test_options_that_are_named_exist() -> None:
    options = {
        option
        for command in COMMANDS.values()
        for each in command.params
        for option in (*each.opts, *each.secondary_opts)
    }
    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) - options == set()
