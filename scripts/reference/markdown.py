"""What all reference pages are made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def escaped(text: str) -> str:
    """A text as the content of a table's cell: on one line, and without what would end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table. Cells are Markdown already."""
    columns = [*head]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return lines + [f"| {' | '.join(cells)} |" for cells in rows]
