"""Connections to servers that users name: tools and documents. Never to a cloud's metadata service.

From an address that only pods of a node can reach, clouds hand out credentials of the node; a name that
anyone may point there is no protection. So the address is looked at when the connection is made, after all
names are resolved. Redirects are followed on the same server only: a credential must not be sent elsewhere.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Sequence
from typing import Any

import aiohttp
from yarl import URL

from gagarin.server.errors import EgressRefused

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAMES = frozenset(
    {"metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        [
            "169.254.0.0/16",  # link-local: AWS, Azure, Google, OpenStack and most others
            "fe80::/10",
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254/128",  # Google
            "100.100.100.200/32",  # Alibaba
            "168.63.129.16/32",  # Azure's wire server
            "192.0.0.192/32",  # Oracle
        ],
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def session() -> aiohttp.ClientSession:
    """A session whose every connection is looked at.

    Requests are given the environment's proxy (`proxies`), which then has to guard what names resolve to.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0, socket_factory=_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "gagarin", "Accept-Encoding": "identity"},
    )


def check(url: URL) -> None:
    """Refuse what can be seen in the URL: also what a proxy would connect to. Raises `EgressRefused`."""
    if url.scheme not in ("http", "https") or not url.host:
        raise EgressRefused("its URL is neither http:// nor https://")
    if url.host.rstrip(".").lower() in _NAMES or is_metadata(url.host):
        raise EgressRefused("its address is one of a metadata service, which is never connected to")


def is_metadata(address: str) -> bool:
    """Whether an IP address is one that only a metadata service has; False for a name."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or (_inner(ip) if ip in _NAT64 else ip)
    return any(ip in network for network in _NETWORKS)


def redirected(url: URL, location: str) -> URL:
    """Where a redirect leads. Raises `EgressRefused` if that is another server."""
    try:
        target = url.join(URL(location))
    except ValueError as error:
        raise EgressRefused("it redirects to something that is no URL") from error
    upgraded = (url.scheme, url.port, target.scheme, target.port) == ("http", 80, "https", 443)
    if target.host != url.host or not (upgraded or (target.scheme, target.port) == (url.scheme, url.port)):
        raise EgressRefused("it redirects to another server, which is not followed")
    return target


def reason(error: Exception) -> str:
    """Why a connection failed, without the address that is in the error's own text."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno).lower()
    return "its URL is wrong" if isinstance(error, aiohttp.InvalidURL) else "the connection broke"


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)


def _socket(address: tuple[Any, Any, int, str, Sequence[Any]]) -> socket.socket:
    """A socket for an address that is about to be connected to."""
    family, kind, protocol, _, where = address
    if is_metadata(str(where[0])):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    return socket.socket(family, kind, protocol)
