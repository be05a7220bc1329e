"""The schemas of both databases, as numbered plain SQL: a file is never changed after a release, only
followed by others."""

from __future__ import annotations

from pathlib import Path

SQLITE = Path(__file__).parent / "sqlite"
POSTGRES = Path(__file__).parent / "postgres"


def steps(folder: Path) -> dict[int, Path]:
    """The files `NNNN_*.sql` by their numbers, in order."""
    return {int(file.name[:4]): file for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
