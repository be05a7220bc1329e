"""Which proxy a request goes through, and that it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gagarin.server import proxies
from gagarin.server.proxies import proxy_of
from gagarin.server.wire import Message
from tests.unit.server.providing import model_at
from tests.unit.server.upstream import Upstream

NAMES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of the test is all there is."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    proxies._proxy.cache_clear()
    yield
    proxies._proxy.cache_clear()


def test_without_a_proxy_connections_are_direct() -> None:
    assert proxy_of("https://api.example.com/v1") is None


def test_what_is_no_url_has_none() -> None:
    assert proxy_of("http://[") is None


def test_each_scheme_has_its_own_and_some_hosts_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://plain:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:word@secure:3128")
    monkeypatch.setenv("NO_PROXY", ".svc,10.0.0.1")
    assert proxy_of("http://api.example.com/v1") == "http://plain:3128"
    assert proxy_of("https://api.example.com:8443/v1") == "http://user:word@secure:3128"
    assert proxy_of("http://tools.team-a.svc/mcp") is None
    assert proxy_of("http://10.0.0.1:8080") is None


async def test_a_model_is_asked_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream, tmp_path: Path
) -> None:
    """The provider of the test stands for the proxy: its name is the only one that exists."""
    monkeypatch.setenv("HTTP_PROXY", upstream.url.replace("//", "//user:word@"))
    async with model_at("http://model.invalid", tmp_path, retries=0) as client:
        assert (await client.complete([Message("user", "Hello")])).text == "Good day."
    assert upstream.headers[0]["Host"] == "model.invalid"
    assert upstream.headers[0]["Proxy-Authorization"].startswith("Basic ")
