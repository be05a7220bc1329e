"""How a command that lists says it: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml
from rich.table import Table

from gagarin.cli.errors import CommandError

FORMATS = ("table", "json", "yaml")


def checked_format(output: str) -> str:
    """Raises `CommandError` for one that does not exist."""
    if output not in FORMATS:
        raise CommandError(f"--output: {output!r} is not one of {', '.join(FORMATS)}")
    return output


def as_document(value: Any, output: str) -> str:
    """JSON or YAML."""
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Columns as kubectl has them: without lines, the names in capitals."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
