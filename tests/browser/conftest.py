"""One world and one browser for all tests of a process; a page of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.browser import chromium, visited
from tests.browser.world import World, running
from tests.integration.conftest import control_plane, crds
from tests.integration.controlplane import ControlPlane

__all__ = ["control_plane", "crds"]  # fixtures

Enter = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(crds: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The gateway, and what is behind it."""
    async with running(crds, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of somebody who has not logged in."""
    async with visited(browser) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def enter(page: Page, world: World) -> Enter:
    """Logs somebody in, at a place."""
    world.upstream.behaviours.clear()
    world.tools.behaviours.clear()

    async def entered(who: str, **place: Any) -> Page:
        await page.goto(world.link(who, **place))
        return page

    return entered
