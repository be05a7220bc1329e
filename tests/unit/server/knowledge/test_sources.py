"""Documents are fetched only when they changed, and only from where the Agent said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gagarin.core.config import Source as SourceConfig
from gagarin.server.errors import SourceError
from gagarin.server.knowledge import sources
from gagarin.server.knowledge.sources import FolderSource, Found, Source, UrlSource
from tests.unit.server.listening import Listening


class Site(Listening):
    """A web site with one page, which may redirect or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.text = "Hello."
        self.etag = '"1"'
        self.status = 200
        self.conditions: list[str | None] = []

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/page", self._page)
        app.router.add_get("/moved", self._moved)
        app.router.add_get("/around", self._moved)
        return app

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self.conditions.append(request.headers.get("If-None-Match"))
        if request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304)
        return web.Response(status=self.status, text=self.text, headers={"ETag": self.etag})

    async def _moved(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": request.query.get("to", "/around")})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    yield site
    await site.stop()


async def documents(source: Source, known: Mapping[str, str] | None = None) -> list[Found]:
    return [found async for found in source.documents(known or {})]


async def fetched(url: str, known: Mapping[str, str] | None = None) -> list[Found]:
    async with aiohttp.ClientSession() as session:
        return await documents(UrlSource(SourceConfig(name="site", url=url), session), known)


async def test_a_page_comes_with_its_type_and_its_stamp(site: Site) -> None:
    (found,) = await fetched(f"{site.url}/page")
    assert found == Found(f"{site.url}/page", '"1"\n', "text/plain; charset=utf-8", b"Hello.")


async def test_a_page_that_has_not_changed_is_not_sent_again(site: Site) -> None:
    (first,) = await fetched(f"{site.url}/page")
    (again,) = await fetched(f"{site.url}/page", {first.location: first.stamp})
    assert again == Found(first.location, first.stamp)
    site.etag = '"2"'
    (changed,) = await fetched(f"{site.url}/page", {first.location: first.stamp})
    assert changed.data == b"Hello."
    assert site.conditions == [None, '"1"', '"1"']


async def test_a_redirect_on_the_same_host_is_followed(site: Site) -> None:
    (found,) = await fetched(f"{site.url}/moved?to=/page")
    assert (found.location, found.data) == (f"{site.url}/moved?to=/page", b"Hello.")


@pytest.mark.parametrize(
    "target", ["/moved?to=http://localhost:{port}/page", "/moved?to=//elsewhere.example/", "/around"]
)
async def test_a_redirect_to_elsewhere_or_without_an_end_is_refused(site: Site, target: str) -> None:
    with pytest.raises(SourceError, match=r"redirects to another server|answered 302"):
        await fetched(f"{site.url}{target.format(port=site.port)}")


async def test_the_metadata_service_of_a_cloud_is_not_asked() -> None:
    with pytest.raises(SourceError, match=r"is not fetched: its address is one of a metadata service"):
        await fetched("http://169.254.169.254/latest/meta-data/")


async def test_a_page_that_is_too_large_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 5)
    with pytest.raises(SourceError, match="more than 5 bytes"):
        await fetched(f"{site.url}/page")


async def test_an_error_is_told_with_its_status(site: Site) -> None:
    site.status = 503
    with pytest.raises(SourceError, match=r"answered 503"):
        await fetched(f"{site.url}/page")


async def test_a_host_that_is_not_there_is_told(site: Site) -> None:
    await site.stop()
    with pytest.raises(SourceError, match="cannot be fetched: connection refused"):
        await fetched(f"{site.url}/page")


async def test_a_folder_gives_its_files_and_only_those_that_changed(tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    (folder / "..data").mkdir(parents=True)
    (folder / "a.md").write_text("A")
    (folder / "b.md").write_text("B")
    source = FolderSource(SourceConfig(name="handbook", folder="handbook"), tmp_path)
    first = await documents(source)
    assert [(found.location, found.data) for found in first] == [("a.md", b"A"), ("b.md", b"B")]
    (folder / "b.md").write_text("changed")
    again = await documents(source, {found.location: found.stamp for found in first})
    assert [found.data for found in again] == [None, b"changed"]


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    source = FolderSource(SourceConfig(name="handbook", folder="handbook"), tmp_path)
    with pytest.raises(SourceError, match="source handbook cannot be read: No such file"):
        await documents(source)
