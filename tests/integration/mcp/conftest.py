"""What every test here needs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gagarin.server import egress
from tests.integration.server.conftest import api, caller, http, start, upstream

__all__ = ["api", "caller", "http", "session", "start", "upstream"]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The guarded session that tools connect with."""
    async with egress.session() as guarded:
        yield guarded
