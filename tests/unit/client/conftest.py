"""A server that stands for an Instance, and waits between attempts that take no time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gagarin.client import retries
from tests.unit.client.instance import Instance


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    """It listens."""
    server = Instance()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
