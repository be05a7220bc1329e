"""Changes of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gagarin.cli.dev.watch import Snapshot, changes, snapshot

ONE, TWO, THREE = ({Path("a"): (number, 0, 0)} for number in range(3))


async def told(known: Snapshot, *looks: Snapshot) -> list[Snapshot]:
    """What is told of these looks, one after the other; the end of them is the end."""
    seen: Iterator[Snapshot] = iter(looks)
    found = []

    class EndError(Exception):
        pass

    def look() -> Snapshot:
        for each in seen:
            return each
        raise EndError

    try:
        async for change in changes(look, known, pause=0):
            found += [change]
    except EndError:
        return found
    raise AssertionError


async def test_nothing_is_told_when_nothing_changes() -> None:
    assert await told(ONE, ONE, ONE, ONE) == []


async def test_a_change_is_told_once_when_the_files_rest() -> None:
    assert await told(ONE, TWO, TWO, TWO) == [TWO]


async def test_what_is_still_being_written_is_not_told() -> None:
    assert await told(ONE, TWO, THREE, TWO, THREE, THREE) == [THREE]


async def test_what_is_undone_at_once_is_not_told() -> None:
    assert await told(ONE, TWO, ONE, ONE) == []


def test_a_state_of_files_differs_by_names_times_sizes_and_replacement(tmp_path: Path) -> None:
    file, other = tmp_path / "a.yaml", tmp_path / ".env"
    states = [snapshot(tmp_path, [other])]

    def changed() -> bool:
        states.append(snapshot(tmp_path, [other]))
        return states[-1] != states[-2]

    file.write_text("a", encoding="utf-8")
    assert changed()
    os.utime(file, ns=(1, 1))
    assert changed()
    other.write_text("A=1", encoding="utf-8")
    assert changed()
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert not changed()
    file.unlink()
    assert changed()


def test_a_folder_that_is_gone_has_no_files(tmp_path: Path) -> None:
    assert snapshot(tmp_path / "none", [tmp_path / "none.env"]) == {}
