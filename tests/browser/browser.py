"""Debian's own Chromium, driven by Playwright: what people do with the page, and what it must never do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright, expect

CHROMIUM = "/usr/bin/chromium"
# Tests run as root, in containers: the sandbox needs neither, and /dev/shm may be small.
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
PATIENCE = 60_000  # milliseconds
WIDE = {"width": 1280, "height": 800}
VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    violations.push(`${effectiveDirective} ${blockedURI}`);
});
"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser; each page of it begins without a trace of the others."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def visited(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page of somebody new. It fails the test in the end if anything was wrong in the background: an error
    in a script, a message of the browser that is none about a refused request, a violation of the policy."""
    context = await browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(VIOLATIONS)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.extend(_complaint(message)))
    page.on("pageerror", lambda error: wrong.append(_words(error)))
    yield page
    wrong += await page.evaluate("window.violations ?? []")
    await context.close()
    assert not wrong


def _complaint(message: ConsoleMessage) -> list[str]:
    is_answer = message.text.startswith("Failed to load resource:")
    return [message.text] if message.type in ("error", "warning") and not is_answer else []


def _words(error: Error) -> str:
    return f"{error.name}: {error.message}"
