"""The TypeScript SDK in a browser: the modules as npm builds them, loaded by a page of somebody's own."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from tests.browser.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKING = """async ([url, token]) => {
    const { Client, ProblemError } = await import("/client/index.js");
    const helper = new Client(url, token);
    const events = [];
    let conversation = null;
    for await (const event of helper.stream("Hello")) {
        events.push(event.type);
        if (event.type === "done") conversation = event.conversation;
    }
    const { messages } = await helper.read(conversation);
    await helper.delete(conversation);
    const refused = await helper.read(conversation).catch((error) => error);
    return [events, messages[1].content, refused instanceof ProblemError && refused.status];
}"""


async def test_a_page_of_an_allowed_origin_streams_from_an_instance(page: Page, world: World) -> None:
    await page.goto(world.elsewhere.url)
    given = [f"{world.gateway.url}/instances/helper", world.tokens["chatter"]]
    events, kept, status = await page.evaluate(ASKING, given)
    assert (events[0], events[-2:]) == ("token", ["usage", "done"])
    assert (kept, status) == ("Good day.", 404)


async def test_a_page_of_another_origin_may_not(browser: Browser, world: World) -> None:
    page = await browser.new_page()
    await page.goto(world.elsewhere.url.replace("127.0.0.1", "localhost"))
    given = [f"{world.gateway.url}/instances/helper", world.tokens["chatter"]]
    tried = """async ([url, token]) => {
        const { Client } = await import("/client/index.js");
        return new Client(url, token, { attempts: 1 }).chat("Hello").catch((error) => error.name);
    }"""
    assert await page.evaluate(tried, given) == "Interrupted"
    await page.close()
