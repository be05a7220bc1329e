"""A list of functions is read page by page, and one bad function does not take the others with it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gagarin.server.tools.mcp import listing
from gagarin.server.tools.mcp.faults import Nonsense
from gagarin.server.tools.mcp.listing import Listing, Reader

OBJECT = {"type": "object", "properties": {}}


def tool(name: Any, **members: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": OBJECT, **members}


def page(*tools: Any, **members: Any) -> listing.Page:
    return listing.page(msgspec.json.encode({"tools": list(tools), **members}))


def read(*pages: listing.Page) -> Listing:
    reader = Reader()
    for one in pages:
        reader.take(one)
    return reader.listing()


def test_functions_of_all_pages_are_offered() -> None:
    reader = Reader()
    assert reader.take(page(tool("a", description="A."), nextCursor="2")) == "2"
    assert reader.take(page(tool("b", title="B"), nextCursor="")) is None
    offers = reader.listing().offers
    assert [(name, offer.function.description) for name, offer in offers.items()] == [("a", "A."), ("b", "B")]


def test_hints_say_what_may_be_repeated() -> None:
    offers = read(
        page(
            tool("reads", annotations={"readOnlyHint": True}),
            tool("sets", annotations={"idempotentHint": True, "title": "x"}),
            tool("writes", annotations={"readOnlyHint": False}),
            tool("unknown", annotations=None),
        )
    ).offers
    assert [offer.repeatable for offer in offers.values()] == [True, True, False, False]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("text", "malformed"),
        ({"name": "x"}, "malformed"),
        (tool(7), "malformed"),
        (tool(""), "between 1 and 256"),
        (tool("x" * 300), "between 1 and 256"),
        (tool("x", inputSchema={"type": "array"}), "not an object"),
        (tool("x", inputSchema=None), "malformed"),
        (tool("x", inputSchema={"properties": {"a": {"x-mcp-header": ""}}}), "x-mcp-header"),
    ],
)
def test_a_function_that_cannot_be_used_is_left_out_alone(bad: Any, why: str) -> None:
    found = read(page(tool("good"), bad))
    assert list(found.offers) == ["good"]
    assert why in found.left_out[0][1]


def test_the_first_of_two_with_one_name_counts() -> None:
    offers = read(page(tool("a", description="first"), tool("a", description="second"))).offers
    assert offers["a"].function.description == "first"


def test_a_schema_without_type_becomes_that_of_an_object() -> None:
    offers = read(page(tool("a", inputSchema={}), tool("b", inputSchema={"required": ["x"]}))).offers
    assert offers["a"].function.parameters == OBJECT
    assert offers["b"].function.parameters == {"type": "object", "required": ["x"]}


def test_a_cursor_that_comes_again_ends_the_list() -> None:
    reader = Reader()
    assert reader.take(page(tool("a"), nextCursor="1")) == "1"
    assert reader.take(page(tool("b"), nextCursor="1")) is None
    assert "does not end" in reader.listing().left_out[0][1]


def test_pages_and_functions_are_bounded() -> None:
    reader = Reader()
    pages = 0
    while reader.take(page(nextCursor=str(pages))):
        pages += 1
    assert pages == listing.MAX_PAGES - 1
    many = Reader()
    assert many.take(page(*(tool(f"f{number}") for number in range(1500)), nextCursor="more")) is None
    assert len(many.listing().offers) == listing.MAX_FUNCTIONS


def test_the_shortest_time_of_freshness_counts() -> None:
    assert read(page(ttlMs=60_000, nextCursor="1"), page(ttlMs=5_000)).fresh == 5.0
    assert read(page(ttlMs=-1)).fresh == read(page()).fresh == 0.0


@pytest.mark.parametrize(
    "raw", [b"{}", b"null", b'{"tools":7}', b'{"tools":[],"nextCursor":7}', b"[" * 90_000]
)
def test_a_malformed_page_is_nonsense(raw: bytes) -> None:
    with pytest.raises(Nonsense, match="list of functions"):
        listing.page(raw)
