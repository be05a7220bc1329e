"""A folder for one process alone. The lock is the kernel's: it ends with the process, however that ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gagarin.serving.errors import StartError

FILE_NAME = "conversations.lock"
PAUSE = 0.1  # seconds between two tries


@asynccontextmanager
async def locked(folder: Path, patience: float) -> AsyncIterator[None]:
    """Hold the folder, waiting for it for `patience` seconds. Raises `StartError`."""
    file = folder / FILE_NAME
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"the conversations in {folder} cannot be opened: {error.strerror}") from error
    try:
        await _lock(handle, folder, patience)
        yield
    finally:
        os.close(handle)


async def _lock(handle: int, folder: Path, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise StartError(f"the conversations in {folder} are in use by another process") from error
            await asyncio.sleep(PAUSE)
        else:
            return
