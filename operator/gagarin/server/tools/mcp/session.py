"""A conversation with one MCP server, once both agree how to have it.

There are two eras. Servers up to revision 2025-11-25 are greeted (`initialize`) before anything else. Since
2026-07-28 nobody is greeted: each request says which revision it is made in and who makes it. Which era a
server is of shows when it is asked in the newer way (`server/discover`): older ones refuse that in many ways,
or do not answer at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from gagarin.server.tools.mcp import listing, results
from gagarin.server.tools.mcp.faults import BadStatus, McpFault, Nonsense, Refused
from gagarin.server.tools.mcp.headers import parameter_headers
from gagarin.server.tools.mcp.link import HANDSHAKE_VERSIONS, STATELESS_VERSION, Link, Outgoing
from gagarin.server.tools.mcp.listing import Listing, Offer
from gagarin.server.tools.mcp.messages import UNSUPPORTED_VERSION
from gagarin.server.tools.tool import ToolResult

PROBE_SECONDS = 10.0
_CLIENT = {"name": "gagarin", "title": "Gagarin chat server", "version": "1"}
_META = "io.modelcontextprotocol/"


class _Capability(msgspec.Struct, frozen=True):
    listChanged: bool | None = None  # noqa: N815  # as on the wire


class _Capabilities(msgspec.Struct, frozen=True):
    tools: _Capability | None = None


class _Greeting(msgspec.Struct):
    """The result of `initialize`."""

    protocolVersion: str  # noqa: N815  # as on the wire
    capabilities: _Capabilities = _Capabilities()


class _Discovery(msgspec.Struct):
    """The result of `server/discover`."""

    supportedVersions: list[str]  # noqa: N815  # as on the wire
    capabilities: _Capabilities = _Capabilities()


class _Unsupported(msgspec.Struct):
    """The data of the error that says which revisions a server speaks."""

    supported: list[str]


class Session:
    """`tells`: the server says when its functions change."""

    def __init__(self, link: Link, version: str, capabilities: _Capabilities) -> None:
        self.link = link
        self._capability = capabilities.tools
        self.version = version
        self.tells = bool(self._capability and self._capability.listChanged)

    async def listing(self) -> Listing:
        """What the server offers. Raises `McpFault`."""
        reader = listing.Reader()
        if self._capability is None:
            return reader.listing()
        cursor: str | None = None
        while True:
            params = {"cursor": cursor} if cursor else {}
            cursor = reader.take(listing.page(await self._request("tools/list", params)))
            if cursor is None:
                return reader.listing()

    async def call(self, offer: Offer, arguments: dict[str, Any], trace: Mapping[str, str]) -> ToolResult:
        """Call a function. Raises `McpFault`."""
        name = offer.function.name
        headers = {**trace, **parameter_headers(offer.mirrored, arguments)}
        params = {"name": name, "arguments": arguments}
        return results.tool_result(await self._request("tools/call", params, name, headers, trace))

    async def listen(self) -> None:
        """Have the link hear what the server says unasked, if it does. Raises `McpFault`."""
        if not self.tells:
            return
        if self.version == STATELESS_VERSION:
            await self._request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        else:
            await self.link.listen()

    async def _request(
        self,
        method: str,
        params: dict[str, Any],
        name: str | None = None,
        headers: Mapping[str, str] = {},
        trace: Mapping[str, str] = {},
    ) -> msgspec.Raw:
        if self.version == STATELESS_VERSION:
            params = stateless(params, trace)
        return await self.link.request(Outgoing(method, params, name, headers))


async def begin(link: Link, probe_seconds: float = PROBE_SECONDS) -> Session:
    """Agree with a server that a link has been opened to. Raises `McpFault`."""
    if link.probe and (session := await _discovered(link, probe_seconds)) is not None:
        return session
    try:
        return await _greeted(link)
    except Refused as error:  # a stateless server that began to answer only after the probe was given up
        if error.code != UNSUPPORTED_VERSION or (session := await _discovered(link, probe_seconds)) is None:
            raise
        return session


def stateless(params: Mapping[str, Any], trace: Mapping[str, str] = {}) -> dict[str, Any]:
    """The parameters of a request that stands for itself."""
    meta = {
        f"{_META}protocolVersion": STATELESS_VERSION,
        f"{_META}clientInfo": _CLIENT,
        f"{_META}clientCapabilities": {},
        **trace,
    }
    return {**params, "_meta": meta}


async def _discovered(link: Link, seconds: float) -> Session | None:
    """A stateless session; None: the server is to be greeted. Raises `McpFault`."""
    link.agree(STATELESS_VERSION)
    try:
        async with asyncio.timeout(seconds):
            raw = await link.request(Outgoing("server/discover", stateless({}), cancellable=False))
        found = msgspec.json.decode(raw, type=_Discovery)
    except Refused as error:
        _check_refusal(error)
        return None
    except BadStatus as error:
        if error.status in (401, 403, 407, 429):
            raise
        return None
    except (TimeoutError, Nonsense, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if STATELESS_VERSION not in found.supportedVersions:
        _check(found.supportedVersions)
        return None
    return Session(link, STATELESS_VERSION, found.capabilities)


def _check_refusal(error: Refused) -> None:
    """Raises `McpFault` if the server says that it speaks none of our revisions."""
    if error.code == UNSUPPORTED_VERSION:
        try:
            _check(msgspec.convert(error.data, _Unsupported).supported)
        except msgspec.ValidationError:
            return


def _check(versions: list[str]) -> None:
    if not set(versions) & set(HANDSHAKE_VERSIONS):
        raise _strange(", ".join(versions))


async def _greeted(link: Link) -> Session:
    """Raises `McpFault`."""
    link.agree(None)
    params = {"protocolVersion": HANDSHAKE_VERSIONS[0], "capabilities": {}, "clientInfo": _CLIENT}
    raw = await link.request(Outgoing("initialize", params, cancellable=False))
    try:
        greeting = msgspec.json.decode(raw, type=_Greeting)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Nonsense(f"its server's greeting is malformed: {error}") from error
    if greeting.protocolVersion not in HANDSHAKE_VERSIONS:
        raise _strange(greeting.protocolVersion)
    link.agree(greeting.protocolVersion)
    await link.notify("notifications/initialized")
    return Session(link, greeting.protocolVersion, greeting.capabilities)


def _strange(versions: str) -> McpFault:
    known = ", ".join((STATELESS_VERSION, *HANDSHAKE_VERSIONS))
    return McpFault(f"its server speaks revision {versions[:200]} of the protocol, the chat server {known}")
