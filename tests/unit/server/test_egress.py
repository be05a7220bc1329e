"""Which servers are never connected to, and which redirects are not followed."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gagarin.server import egress
from gagarin.server.errors import EgressRefused
from tests.unit.server.tools.server import ToolServer

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", METADATA)
def test_addresses_of_metadata_services_are_known_in_all_their_forms(address: str) -> None:
    assert egress.is_metadata(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "2001:db8::1", "64:ff9b::a00:1", "example"]
)
def test_other_addresses_are_not(address: str) -> None:
    assert not egress.is_metadata(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
        "file:///etc/passwd",
        "/path",
    ],
)
def test_a_url_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(EgressRefused):
        egress.check(URL(url))


@pytest.mark.parametrize("url", ["http://example.com", "https://10.0.0.1:8443/x", "http://localhost:8080"])
def test_other_urls_are_not(url: str) -> None:
    egress.check(URL(url))


class Rebound(aiohttp.abc.AbstractResolver):
    """A name server that says what the test wants."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[Any]:
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in self.addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


async def connect(url: str, *addresses: str) -> int:
    async with egress.session() as session:
        session.connector._resolver = Rebound(*addresses)  # type: ignore[union-attr]  # the seam: names mean what the test wants
        async with session.get(url) as response:
            return response.status


async def test_a_name_that_leads_to_a_metadata_service_is_not_connected_to() -> None:
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        async with asyncio.timeout(60):
            await connect("http://harmless.example/", "169.254.169.254")
    assert egress.reason(caught.value) == "permission denied"


async def test_an_address_written_as_a_number_is_not_connected_to() -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        async with asyncio.timeout(60), egress.session() as session, session.get("http://0xa9fea9fe/"):
            pass


async def test_the_other_addresses_of_a_name_are_still_tried(server: ToolServer) -> None:
    url = f"http://harmless.example:{server.port}/"
    assert await connect(url, "169.254.169.254", "127.0.0.1") == 200


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other", "http://a.example/other"),
        ("other", "http://a.example/x/other"),
        ("//a.example/y", "http://a.example/y"),
        ("https://a.example/y", "https://a.example/y"),
    ],
)
def test_redirects_on_the_same_server_are_followed(location: str, target: str) -> None:
    assert egress.redirected(URL("http://a.example/x/"), location) == URL(target)


@pytest.mark.parametrize(
    "location",
    [
        "http://b.example/",
        "http://a.example:8080/",
        "https://a.example:8443/",
        "ftp://a.example/",
        "http://[bad/",
    ],
)
def test_redirects_elsewhere_are_refused(location: str) -> None:
    with pytest.raises(EgressRefused):
        egress.redirected(URL("http://a.example/x/"), location)


def test_a_redirect_never_gives_up_encryption() -> None:
    with pytest.raises(EgressRefused):
        egress.redirected(URL("https://a.example/"), "http://a.example/")


def test_reasons_name_no_address() -> None:
    key: Any = aiohttp.client_reqrep.ConnectionKey("secret.host", 80, False, True, None, None, None)
    refused = OSError(111, "Connect call failed ('10.1.2.3', 80)")
    reasons = [
        egress.reason(aiohttp.ClientConnectorError(key, refused)),
        egress.reason(aiohttp.ClientConnectorError(key, OSError("odd"))),
        egress.reason(aiohttp.ClientConnectorDNSError(key, refused)),
        egress.reason(aiohttp.ClientConnectorSSLError(key, refused)),
        egress.reason(aiohttp.ClientConnectorCertificateError(key, ValueError("odd"))),
        egress.reason(aiohttp.InvalidURL("x")),
    ]
    assert reasons == [
        "connection refused",
        "the connection broke",
        "its name is not known",
        "TLS failed",
        "its certificate is not trusted",
        "its URL is wrong",
    ]
