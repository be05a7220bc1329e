"""The files of the page: which there are, what they are served with, and that they can be left out."""

from __future__ import annotations

import re

import pytest

from gagarin.gateway.webpage import WebPage
from tests.unit.gateway.conftest import Serving, Start

NAVIGATION = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_it_is_served_with_headers_that_keep_it_to_itself(gateway: Serving) -> None:
    async with gateway.request("GET", "/web/", token=None) as response:
        text = await response.text()
        headers = response.headers
        assert (response.status, response.content_type) == (200, "text/html")
    assert 'data-namespace="team-a"' in text
    assert headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-cache"
    assert not re.search(r"<style|<script(?! type=\"module\" src)| style=| on[a-z]+=", text), (
        "nothing is inline"
    )


async def test_every_file_that_it_names_is_there(gateway: Serving) -> None:
    seen, waiting = set(), {"index.html"}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        status, text = await gateway.call("GET", f"/web/{path}", token=None)
        assert status == 200, path
        folder = path.rpartition("/")[0]
        named = re.findall(r'(?:from|import) "\./([^"]+)"|(?:src|href)="([a-z.]+)"', text)
        found = {f"{folder}/{one or other}".lstrip("/") for one, other in named}
        waiting |= found - seen
    unused = {"vendor/marked-license.txt", "vendor/client/index.js", "vendor/client/answers.js"}
    assert seen | unused == set(WebPage("default")._files)


async def test_what_did_not_change_is_not_sent_again(gateway: Serving) -> None:
    async with gateway.request("GET", "/web/main.js", token=None) as first:
        assert first.content_type == "text/javascript"
        tag = {"If-None-Match": first.headers["ETag"]}
    async with gateway.request("GET", "/web/main.js", token=None, headers=tag) as again:
        assert (again.status, await again.text()) == (304, "")


@pytest.mark.parametrize("path", ["/web/nothing.js", "/web/../app.py", "/web/%2e%2e/app.py", "/web/vendor/"])
async def test_there_is_nothing_else(gateway: Serving, path: str) -> None:
    assert (await gateway.call("GET", path, token=None))[0] == 404


async def test_a_browser_is_led_to_it_and_a_program_gets_the_name_of_the_api(gateway: Serving) -> None:
    assert await gateway.call("GET", "/", token=None) == (200, "Gagarin API v1")
    for path in ("/", "/web"):
        async with gateway.request("GET", path, token=None, headers=NAVIGATION) as response:
            assert (response.status, response.url.path) == (200, "/web/")


async def test_it_can_be_left_out(start: Start) -> None:
    gateway = await start("--web-page", "false")
    assert (await gateway.call("GET", "/web/", token=None))[0] == 404
    assert await gateway.call("GET", "/", token=None, headers=NAVIGATION) == (200, "Gagarin API v1")
