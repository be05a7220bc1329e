"""Conversations: streamed, with tools, stopped, kept, deleted; failures told; a model's words only shown."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Enter
from tests.browser.world import World
from tests.unit.server.tools.server import saying
from tests.unit.server.upstream import (
    DONE,
    FINISH,
    USED,
    Behaviour,
    answering,
    called,
    calling,
    failing,
    piece,
    sse,
    writing,
)
from tests.unit.server.waiting import happens

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELPER = {"namespace": "team-a", "instance": "helper"}
ENDING = sse(piece("wo."), FINISH, USED, DONE)
EVIL = """<script>document.title = "owned"</script> <img src=x onerror="document.title='owned'">

[a](javascript:document.title='owned') ![b](javascript:alert(1)) [c](data:text/html,x) <javascript:alert(1)>

<svg onload=alert(1)> &lt;b&gt; [d](https://example.com/?q="onmouseover=alert(1)) `</code><script>1</script>`

| <i>x</i> |
|---|
| [e](vbscript:x) |

```"><script>
</code></pre><script>document.title = "owned"</script>
```
"""


async def say(page: Page, text: str) -> Locator:
    """Say something, once the answer before is over; the answer, as far as it is there."""
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await page.get_by_label("Message to Support bot").fill(text)
    await page.keyboard.press("Enter")
    return page.locator(".answer").last


async def test_an_answer_is_shown_while_it_is_made(enter: Enter, world: World) -> None:
    page = await enter("chatter", **HELPER)
    more = asyncio.Event()
    first, rest = sse(piece("It is **sunny")), sse(piece("** today."), FINISH, USED, DONE)

    world.upstream.behaviours = [_in_two(first, more, rest)]
    answer = await say(page, "Weather?")
    await expect(answer.locator(".text")).to_contain_text("sunny")
    await expect(answer).to_have_attribute("aria-busy", "true")
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    more.set()
    await expect(answer.locator(".text strong")).to_have_text("sunny")
    await expect(answer.locator(".notes")).to_have_text("10 tokens (7 in, 3 out)")
    await expect(page.locator("#usage")).to_have_text("10 tokens in this conversation")
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_tool_calls_are_shown_as_they_happen(enter: Enter, world: World) -> None:
    page = await enter("chatter", **HELPER)
    hold = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await hold.wait()
        return await saying({"rain": 0.8})(request)

    world.upstream.behaviours = [
        calling(called("forecast", {"city": "Prague"}, id="a"), text="I look."),
        calling(called("forecast", {"city": "Brno"}, id="b")),
        answering("Take an **umbrella**."),
    ]
    world.tools.behaviours = [slow, saying("no", 500)]
    answer = await say(page, "Umbrella?")
    tools = answer.locator("details.tool")
    await expect(tools.first.locator("summary")).to_have_text("Tool forecast: running …")
    hold.set()
    await expect(tools.first.locator("summary")).to_contain_text("Tool forecast: done")
    await expect(tools.last.locator("summary")).to_contain_text("Tool forecast: failed")
    await tools.first.locator("summary").click()
    await expect(tools.first.locator("pre")).to_have_text('{\n  "city": "Prague"\n}')
    await expect(answer.locator(".text")).to_have_text(["I look.", "Take an umbrella."])
    await expect(page.get_by_role("status")).to_contain_text("Tool forecast: failed")


async def test_an_answer_is_stopped(enter: Enter, world: World) -> None:
    page = await enter("chatter", **HELPER)
    never = asyncio.Event()
    world.upstream.abandoned.clear()
    world.upstream.behaviours = [writing(sse(piece("One, two,")), hold=never)]
    answer = await say(page, "Count.")
    await expect(answer).to_contain_text("One, two,")
    await page.get_by_role("button", name="Stop").click()
    await expect(answer.locator(".notes")).to_have_text("Stopped")
    await expect(page.get_by_label("Message to Support bot")).to_be_focused()
    await happens(world.upstream.abandoned)
    await expect(await say(page, "And now?")).to_contain_text("Good day.")
    assert "Count." in str(world.upstream.bodies[-1]["messages"]), "the conversation goes on"


async def test_what_is_sent_while_an_answer_comes_stays_in_the_box_and_that_is_told(
    enter: Enter, world: World
) -> None:
    page = await enter("chatter", **HELPER)
    world.upstream.behaviours = [_in_two(sse(piece("T")), more := asyncio.Event(), ENDING)]
    answer = await say(page, "First")
    await expect(answer.locator(".text")).to_have_text("T")
    message = page.get_by_label("Message to Support bot")
    await message.fill("Second")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Not sent: the answer is not over")
    await expect(message).to_have_value("Second")
    more.set()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator(".question")).to_have_text(["YouFirst", "YouSecond"])


async def test_conversations_are_listed_opened_gone_on_with_and_deleted(enter: Enter, world: World) -> None:
    page = await enter("chatter", **HELPER)
    await expect(await say(page, "My name is Ada.")).to_contain_text("Good day.")
    await expect(page.get_by_role("link", name="Today").first).to_have_attribute("aria-current", "true")
    own = page.url
    assert "conversation=" in own
    await page.get_by_role("link", name="New", exact=True).click()
    await expect(page.locator("#turns li")).to_have_count(0)
    await page.goto(own)
    await expect(page.locator(".question")).to_contain_text("My name is Ada.")
    await expect(page.locator(".answer .notes")).to_have_text("10 tokens (7 in, 3 out)")
    await say(page, "Who am I?")
    await expect(page.locator("#usage")).to_have_text("20 tokens in this conversation")
    assert "My name is Ada." in str(world.upstream.bodies[-1]["messages"])
    assert page.url == own
    await expect(page.get_by_role("link", name="Today").first).to_contain_text("2 questions")
    before = await page.locator("#conversations-list li").count()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Delete the conversation").first.click()
    await expect(page.locator("#conversations-list li")).to_have_count(before - 1)
    await expect(page.locator("#turns li")).to_have_count(0)
    await page.goto(own)
    await expect(page.locator("#chat-problem")).to_contain_text("It is not there")


async def test_focus_stays_in_the_list_of_conversations_when_an_answer_ends(
    enter: Enter, world: World
) -> None:
    page = await enter("chatter", **HELPER)
    world.upstream.behaviours = [answering("One."), _in_two(sse(piece("T")), more := asyncio.Event(), ENDING)]
    await expect((await say(page, "First")).locator(".text")).to_have_text("One.")
    delete = page.get_by_role("button", name="Delete the conversation of").first
    await expect(delete).to_be_visible()
    answer = await say(page, "Second")
    await expect(answer.locator(".text")).to_have_text("T")
    await delete.focus()
    row = await page.locator("#conversations-list li").first.element_handle()
    more.set()
    await page.wait_for_function("row => !row.isConnected", arg=row)
    await expect(delete).to_be_focused()


async def test_who_may_not_chat_is_told_the_rule_that_is_missing(enter: Enter) -> None:
    page = await enter("viewer", **HELPER)
    answer = await say(page, "Hello")
    await expect(answer.locator(".problem")).to_contain_text("viewer may not create instances/chat")
    await expect(answer.locator("pre")).to_contain_text('resourceNames: ["helper"]\nverbs: ["create"]')
    await expect(page.locator("#conversations-problem pre")).to_contain_text('verbs: ["get"]')


async def test_a_failing_model_is_told_and_the_question_can_be_asked_again(
    enter: Enter, world: World
) -> None:
    page = await enter("chatter", **HELPER)
    world.upstream.behaviours = [failing(400, {"error": {"message": "no"}})]
    answer = await say(page, "Hello")
    await expect(answer.locator(".problem strong")).to_be_visible()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".answer")).to_have_text(["Support botGood day.10 tokens (7 in, 3 out)"])
    assert await page.locator(".question").count() == 1


@pytest.mark.parametrize(
    ("status", "wait", "said"),
    [
        (429, "7200", "A limit is reachedthe pod says noTry again after"),
        (429, "60", "A limit is reachedthe pod says noTry again in 60 seconds"),
        (503, None, "It does not answer nowthe pod says noTry again in a moment"),
        (504, None, "The model did not answer properly"),
        (500, None, "Nothe pod says no"),
    ],
)
async def test_what_a_gateway_may_answer_is_understood(
    enter: Enter, status: int, wait: str | None, said: str
) -> None:
    page = await enter("chatter", **HELPER)
    document = f'{{"type": "about:blank", "title": "No", "status": {status}, "detail": "the pod says no"}}'
    headers = {"Content-Type": "application/problem+json", **({"Retry-After": wait} if wait else {})}
    await page.route("**/stream", lambda route: route.fulfill(status=status, headers=headers, body=document))
    answer = await say(page, "Hello")
    await expect(answer.locator(".problem")).to_contain_text(said)


async def test_a_token_that_expires_asks_for_another_one_at_the_same_place(
    enter: Enter, world: World
) -> None:
    page = await enter("chatter", **HELPER)
    await expect(page.get_by_label("Message to Support bot")).to_be_visible()
    await page.route("**/stream", lambda route: route.fulfill(status=401, body="{}"))
    await page.get_by_label("Message to Support bot").fill("Hello")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("has expired")
    await page.get_by_label("Token", exact=True).fill(world.tokens["chatter"])
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Message to Support bot")).to_be_visible()


async def test_a_gateway_that_is_gone_is_told(enter: Enter) -> None:
    page = await enter("chatter", **HELPER)
    await expect(page.get_by_label("Message to Support bot")).to_be_visible()
    await page.clock.install()
    await page.route("**/instances/**", lambda route: route.abort())
    answer = await say(page, "Hello")
    await page.clock.run_for(2_000)
    await expect(answer.locator(".problem")).to_contain_text("The connection broke off")


async def test_nothing_that_a_model_says_is_run(enter: Enter, world: World) -> None:
    page = await enter("chatter", **HELPER)
    world.upstream.behaviours = [answering(EVIL)]
    answer = await say(page, "<b>Hello</b>")
    await expect(answer.locator(".notes")).to_contain_text("tokens")
    assert await page.locator(".answer :is(script, img, svg, i, iframe, style)").count() == 0
    assert await page.locator(".question b").count() == 0
    links = await answer.locator("a").evaluate_all("(all) => all.map((each) => each.href)")
    assert all(link.startswith("https://example.com/") for link in links), links
    await expect(answer).to_contain_text('<script>document.title = "owned"</script>')
    assert "owned" not in await page.title()


def _in_two(first: bytes, more: asyncio.Event, rest: bytes) -> Behaviour:
    """A stream that waits for an event in its middle."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(first)
        await more.wait()
        await response.write(rest)
        return response

    return behave
