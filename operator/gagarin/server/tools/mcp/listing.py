"""What a server offers: its `tools/list`, page by page, with each function looked at by itself.

One function that cannot be used does not take the others with it. A list that never ends is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gagarin.server.tools.http import object_schema
from gagarin.server.tools.mcp.faults import Nonsense
from gagarin.server.tools.mcp.headers import Mirrored, mirrored
from gagarin.server.tools.tool import Function

MAX_PAGES = 50
MAX_FUNCTIONS = 1000
MAX_NAME_CHARS = 256
MAX_DESCRIPTION_CHARS = 10_000


class Offer(NamedTuple):
    """A function. `repeatable`: its server says that calling it twice does no more than calling it once."""

    function: Function
    repeatable: bool
    mirrored: tuple[Mirrored, ...]


class Listing(NamedTuple):
    """All functions by name; what was left out, and why; for how many seconds the server calls it fresh."""

    offers: Mapping[str, Offer]
    left_out: tuple[tuple[str, str], ...]
    fresh: float


class Page(msgspec.Struct):
    """The result of one `tools/list`."""

    tools: list[msgspec.Raw]
    nextCursor: str | None = None  # noqa: N815  # as on the wire
    ttlMs: float | None = None  # noqa: N815  # as on the wire


class _Annotations(msgspec.Struct):
    readOnlyHint: bool | None = None  # noqa: N815  # as on the wire
    idempotentHint: bool | None = None  # noqa: N815  # as on the wire


class _Tool(msgspec.Struct):
    name: str
    inputSchema: dict[str, Any]  # noqa: N815  # as on the wire
    title: str | None = None
    description: str | None = None
    annotations: _Annotations | None = None


_decode_page = msgspec.json.Decoder(Page).decode
_decode_tool = msgspec.json.Decoder(_Tool).decode


def page(raw: bytes) -> Page:
    """Raises `Nonsense`."""
    try:
        return _decode_page(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Nonsense(f"its server's list of functions is malformed: {error}") from error


class Reader:
    """Puts pages together."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self._left_out: list[tuple[str, str]] = []
        self._cursors: set[str] = set()
        self._fresh: float | None = None

    def take(self, page: Page) -> str | None:
        """Keep a page; the cursor of the next one to ask for."""
        for raw in page.tools:
            self._take(raw)
        seconds = max(page.ttlMs or 0.0, 0.0) / 1000
        self._fresh = seconds if self._fresh is None else min(self._fresh, seconds)
        cursor = page.nextCursor
        if not cursor:
            return None
        if (
            cursor in self._cursors
            or len(self._cursors) + 1 >= MAX_PAGES
            or len(self._offers) >= MAX_FUNCTIONS
        ):
            self._left_out.append(("", "the list of functions does not end; its beginning is offered"))
            return None
        self._cursors.add(cursor)
        return cursor

    def listing(self) -> Listing:
        """All that was taken."""
        return Listing(self._offers, tuple(self._left_out), self._fresh or 0.0)

    def _take(self, raw: bytes) -> None:
        try:
            tool = _decode_tool(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._left_out.append(("", f"its definition is malformed: {error}"))
            return
        try:
            offer = _offer(tool)
        except ValueError as error:
            self._left_out.append((tool.name[:MAX_NAME_CHARS], str(error)))
            return
        if len(self._offers) < MAX_FUNCTIONS:
            self._offers.setdefault(tool.name, offer)


def _offer(tool: _Tool) -> Offer:
    """Raises `ValueError`, saying why the function cannot be offered."""
    if not 0 < len(tool.name) <= MAX_NAME_CHARS:
        raise ValueError(f"its name has not between 1 and {MAX_NAME_CHARS} characters")
    if tool.inputSchema.get("type", "object") != "object":
        raise ValueError("its arguments are not an object")
    hints = tool.annotations or _Annotations()
    description = (tool.description or tool.title or "")[:MAX_DESCRIPTION_CHARS]
    return Offer(
        Function(tool.name, description, object_schema(tool.inputSchema)),
        bool(hints.readOnlyHint or hints.idempotentHint),
        mirrored(tool.inputSchema),
    )
