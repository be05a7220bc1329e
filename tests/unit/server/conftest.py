"""A model provider over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.server.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """The provider of the test."""
    server = Upstream()
    await server.start()
    yield server
    await server.stop()
