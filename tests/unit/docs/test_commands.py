"""What readers paste into a shell: it is shell, and what can be run without a cluster is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from gagarin.cli.main import app
from tests.unit.docs.pages import DOCS, ROOT, Block, blocks, name_of, pages

STARTING = sorted((DOCS / "getting-started").glob("*.md"))
MARKS = ("run: ", "parse: ", "not run: ")


def commands(page: Path) -> list[str]:
    """Every command line of a page, in blocks of any kind, with continued lines put together."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip().removeprefix("$ ") for line in text.splitlines()]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_block_of_shell_is_shell(page: Path) -> None:
    for block in blocks(page, "sh", "bash"):
        checked = subprocess.run(
            ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
        )
        assert checked.stderr == ""


@pytest.mark.parametrize("page", STARTING, ids=name_of)
def test_a_block_for_beginners_says_how_it_is_tested(page: Path) -> None:
    for block in blocks(page, "sh"):
        assert block.mark.startswith(MARKS), block.text


def test_beginning_on_a_machine_works_as_it_stands(tmp_path: Path) -> None:
    script = "".join(
        block.text for block in blocks(DOCS / "getting-started/machine.md", "sh") if is_run(block)
    )
    assert "gagarin dev" in script
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eux"],
        input=script,
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kind: Deployment" in done.stdout


def is_run(block: Block) -> bool:
    return block.mark == "run: machine"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_our_own_commands_have_these_options(page: Path) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    for block in blocks(page, "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith("gagarin ") and "$(" not in line:
                _, name, *arguments = shlex.split(line, comments=True)
                if not {"--install-completion", "--help"} & {name}:
                    known[name].make_context(name, arguments)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_make_target_that_is_to_be_made_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shells = "".join(block.text for block in blocks(page, "sh"))
    indented = re.findall(r"^ {4}make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {*indented, *re.findall(r"^make ([a-z-]+)", shells, re.MULTILINE)} <= targets


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_files_that_kubectl_is_given_are_there(page: Path) -> None:
    for line in commands(page):
        if line.startswith("kubectl "):
            for path in re.findall(r"(?:-k|--patch-file|-f) ((?:manifests|charts|examples)/[^\s`]*)", line):
                assert (ROOT / path).exists(), line


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_nobody_is_told_to_install_a_foreign_package(page: Path) -> None:
    # What is called gagarin on the package index is another project.
    assert re.findall(r"pip install [\"']?gagarin", page.read_text(encoding="utf-8")) == []
