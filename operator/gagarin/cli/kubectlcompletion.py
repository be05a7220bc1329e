"""`kubectl_complete-gagarin`: what kubectl runs when Tab is pressed behind `kubectl gagarin` (KEP-2379).

kubectl gives the words behind the plugin's name, the last one as far as it has been typed. It wants a choice
a line, described behind a tab, and last `:` with one of Cobra's directives.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Sequence

from gagarin.cli.main import app

# https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md
FILES, NO_FILES = 0, 4
PROGRAM = "gagarin"


def choices(words: Sequence[str]) -> list[str]:
    """What the last word may become: as Typer tells it to fish, which has one line a choice too."""
    *done, last = words
    line = f"{shlex.join([PROGRAM, *done])} {shlex.quote(last) if last else ''}"
    os.environ |= {
        "_GAGARIN_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": line,
        "COLUMNS": "1000",  # descriptions are not to be folded: each line is a choice
    }
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        app(prog_name=PROGRAM)
    return [each for each in said.getvalue().splitlines() if each]


def main() -> None:
    """The entry point of the console script."""
    found = choices(sys.argv[1:] or [""])
    directive = f":{NO_FILES if found else FILES}"
    sys.stdout.write("\n".join([*found, directive, ""]))
