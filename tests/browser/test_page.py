"""Logging in, the list of Instances, and what the page must be for everybody: safe, readable, usable."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.browser import visited
from tests.browser.conftest import Enter
from tests.browser.world import ODD, WEBFILES, World, set_ready
from tests.unit.server.upstream import answering

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = {"wide": 1280, "middle": 900, "narrow": 320}
EVERY = 6_000  # milliseconds, after which the list has been asked for again
TOO_WIDE = """[...document.querySelectorAll("body *")]
    .filter((each) => !each.closest("pre, .table, .unseen, .skip"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth)
    .map((each) => each.outerHTML)"""
MARKUP = """# Rain

- [x] **umbrella**, *coat* and ~~sandals~~
- `x < y`

| a | b |
|---|---|
| 1 | 2 |

> quoted

```python
print("hello")
```

See [the forecast](https://weather.example.com/prague) or ![a map](https://maps.example.com/m.png).
"""


async def test_what_reads_markdown_is_as_its_authors_publish_it() -> None:
    published = (axe.modules() / "marked/lib/marked.esm.js").read_text()
    shipped = (WEBFILES / "vendor/marked.js").read_text()
    assert shipped.strip() == published.partition("//# sourceMappingURL")[0].strip(), "run scripts/webpage"


async def test_a_token_is_pasted_and_kept_in_memory_only(page: Page, world: World) -> None:
    await page.goto(world.page)
    await page.get_by_label("Token", exact=True).fill(world.tokens["viewer"])
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("link", name="Support bot")).to_be_visible()
    await expect(page.get_by_text("viewer (team-a)")).to_be_visible()
    field = "document.querySelector('#token').value"
    stored = f"[localStorage.length, sessionStorage.length, document.cookie, {field}]"
    assert await page.evaluate(stored) == [0, 0, "", ""]
    await page.reload()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


async def test_a_token_that_is_handed_over_leaves_the_address(page: Page, world: World) -> None:
    await page.goto(world.link("viewer", namespace="team-a"))
    await expect(page.get_by_role("link", name="Support bot")).to_be_visible()
    assert page.url == f"{world.page}#namespace=team-a"
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Token", exact=True)).to_be_focused()
    assert await page.locator("#instances-list li").count() == 0


async def test_a_token_that_is_not_taken_is_said_so(page: Page, world: World) -> None:
    await page.goto(world.page)
    await page.get_by_label("Token", exact=True).fill("no.token.atall")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("does not take the token")
    await expect(page.get_by_label("Token", exact=True)).to_be_focused()


async def test_the_list_tells_what_is_ready_and_why_not_and_stays_fresh(
    page: Page, enter: Enter, world: World
) -> None:
    await page.clock.install()
    await enter("viewer", namespace="team-a")
    await expect(page.get_by_role("link", name="Support bot")).to_contain_text("Ready")
    await expect(page.get_by_role("link", name="Research")).to_contain_text(
        "Not ready: ModelNotFoundModel gpt-large in namespace team-a does not exist"
    )
    await expect(page.get_by_role("link", name=ODD)).to_contain_text("Not looked at yet")
    await page.get_by_role("link", name="Research").focus()
    set_ready(world.control_plane, "research", "True", "Ready", "")
    research = page.get_by_role("link", name="Research")
    await page.clock.run_for(EVERY)
    await expect(research).not_to_contain_text("Not ready")
    await expect(research).to_be_focused()
    await expect(page.get_by_role("status")).to_contain_text("Research: Ready")
    set_ready(world.control_plane, "research", "False", "ModelNotFound", "Model gpt-large does not exist")


async def test_who_may_not_list_is_told_the_rule_that_is_missing(enter: Enter) -> None:
    page = await enter("nobody", namespace="team-a")
    box = page.locator("#instances-problem")
    await expect(box).to_contain_text("You may not do this")
    await expect(box.locator("pre")).to_have_text(
        'apiGroups: ["gagarin.fyodorov.ai"]\nresources: ["instances"]\nverbs: ["list"]'
    )


async def test_another_namespace_is_shown_with_what_is_in_it(enter: Enter) -> None:
    page = await enter("viewer", namespace="team-a")
    await page.get_by_label("Namespace").fill("elsewhere")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#instances-problem")).to_contain_text('in the namespace "elsewhere"')
    await page.go_back()
    await expect(page.get_by_role("link", name="Support bot")).to_be_visible()
    await expect(page.get_by_label("Namespace")).to_have_value("team-a")


@pytest.mark.parametrize(("width", "scheme"), [("wide", "light"), ("middle", "dark"), ("narrow", "light")])
async def test_it_is_accessible_and_fits(browser: Browser, world: World, width: str, scheme: Any) -> None:
    size = {"width": WIDTHS[width], "height": 640}
    async with visited(browser, viewport=size, color_scheme=scheme, bypass_csp=True) as page:
        await page.goto(world.page)
        await _judged(page)
        await page.goto(world.link("chatter", namespace="team-a"))
        await expect(page.get_by_role("link", name="Research")).to_be_visible()
        await _judged(page)
        await page.get_by_role("link", name="Support bot").click()
        world.upstream.behaviours = [answering(MARKUP)]
        await page.get_by_label("Message to Support bot").fill("Do I need an umbrella?")
        await page.keyboard.press("Enter")
        await expect(page.locator(".notes")).to_contain_text("10 tokens")
        await _judged(page)
        if width != "wide":
            await page.get_by_role("button", name="Conversations").click()
            await expect(page.get_by_role("heading", name="Conversations")).to_be_focused()
            await _judged(page)
            await page.get_by_role("button", name="Close").click()
            await expect(page.get_by_role("button", name="Conversations")).to_be_focused()


async def _judged(page: Page) -> None:
    assert await axe.faults(page) == []
    assert await page.evaluate(TOO_WIDE) == []


async def test_it_is_used_by_keyboard_alone(page: Page, world: World) -> None:
    async def tab_to(name: str) -> None:
        for _ in range(20):
            await page.keyboard.press("Tab")
            focused = page.locator(":focus")
            if name in (await focused.get_attribute("aria-label") or await focused.inner_text()):
                return
        raise AssertionError(f"no Tab leads to {name}")

    await page.goto(world.page)
    await page.keyboard.press("Tab")
    await page.keyboard.insert_text(world.tokens["chatter"])
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Instances")).to_be_focused()
    await tab_to("Support bot")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Message to Support bot")).to_be_focused()
    await page.keyboard.type("Hello")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("there")
    await page.keyboard.press("Enter")
    await expect(page.locator(".question p")).to_have_text("Hello\nthere")
    await expect(page.locator(".answer .text")).to_have_text("Good day.")
    await expect(page.get_by_role("status")).to_contain_text("Good day.")
    await expect(page.get_by_label("Message to Support bot")).to_be_focused()
    await expect(page.get_by_role("link", name="Today").first).to_have_attribute("aria-current", "true")
    await tab_to("Delete the conversation of Today")
    page.once("dialog", lambda dialog: dialog.accept())
    await page.keyboard.press("Enter")
    await expect(page.locator("#turns li")).to_have_count(0)


async def test_motion_stops_for_who_wants_none(browser: Browser, world: World) -> None:
    moving = "getComputedStyle(document.querySelector('.answer .body'), '::after').animationName"
    for motion, name in (("no-preference", "pulse"), ("reduce", "none")):
        async with visited(browser, reduced_motion=motion) as page:
            await page.goto(world.page)
            await page.evaluate(
                """() => {
                    const [answer, body] = ["li", "div"].map((name) => document.createElement(name));
                    answer.className = "answer", body.className = "body";
                    answer.setAttribute("aria-busy", "true");
                    answer.append(body);
                    document.querySelector("#turns").append(answer);
                }"""
            )
            assert await page.evaluate(moving) == name


async def test_nothing_may_be_run_or_framed_that_is_not_the_pages_own(browser: Browser, world: World) -> None:
    page = await browser.new_page()
    response = await page.goto(world.page)
    assert response is not None
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    tried = """async () => {
        const seen = new Promise((told) => addEventListener("securitypolicyviolation", told, { once: true }));
        document.body.append(document.createElement("img"));
        document.images[document.images.length - 1].src = "https://evil.example.com/x.png";
        const violated = (await seen).effectiveDirective;
        try { document.body.innerHTML = "<b>x</b>"; } catch (error) { return [violated, error.name]; }
    }"""
    assert await page.evaluate(tried) == ["img-src", "TypeError"]
    await page.close()
