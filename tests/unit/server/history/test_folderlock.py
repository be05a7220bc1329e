"""One process has the folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gagarin.server.history.folderlock import locked
from gagarin.serving.errors import StartError


async def test_a_folder_that_is_taken_is_refused(tmp_path: Path) -> None:
    async with locked(tmp_path, 0):
        with pytest.raises(StartError, match="in use by another process"):
            async with locked(tmp_path, 0):
                pass
    async with locked(tmp_path, 0):
        pass


async def test_a_folder_that_is_given_up_in_time_is_waited_for(tmp_path: Path) -> None:
    async with locked(tmp_path, 0):
        waiting = asyncio.create_task(locked(tmp_path, 10).__aenter__())
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(60):
        await waiting


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="none cannot be opened: No such file"):
        async with locked(tmp_path / "none", 0):
            pass
