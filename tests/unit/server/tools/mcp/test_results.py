"""A model reads a result once, as text; what is no text is described."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.tools.mcp.faults import McpFault, Nonsense
from gagarin.server.tools.mcp.results import size, tool_result
from gagarin.server.tools.tool import ToolResult


def read(**members: Any) -> ToolResult:
    return tool_result(msgspec.json.encode(members))


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def test_texts_are_joined() -> None:
    assert read(content=[text("one"), text("two")]) == ToolResult("one\ntwo")


def test_an_error_is_one() -> None:
    assert read(content=[text("no such city")], isError=True) == ToolResult("no such city", error=True)


@pytest.mark.parametrize(
    ("content", "described"),
    [
        ({"type": "image", "data": "AAAA" * 4000, "mimeType": "image/png"}, "[image/png, 12 kB]"),
        ({"type": "audio", "data": "AA=="}, "[audio, 1 bytes]"),
        (
            {"type": "resource_link", "uri": "file:///a", "name": "a", "mimeType": "text/x-rust"},
            "[resource file:///a, a, text/x-rust]",
        ),
        ({"type": "resource", "resource": {"uri": "file:///a", "text": "fn"}}, "[resource file:///a]\nfn"),
        (
            {"type": "resource", "resource": {"uri": "u", "blob": "AAAA", "mimeType": "x/y"}},
            "[resource u, x/y, 3 bytes]",
        ),
        ({"type": "hologram"}, "[content of type 'hologram', which cannot be shown]"),
        ({"type": "resource"}, "[content of type 'resource', which cannot be shown]"),
    ],
)
def test_what_is_no_text_is_described(content: dict[str, Any], described: str) -> None:
    assert read(content=[content]).text == described


@pytest.mark.parametrize(
    ("texts", "structured"),
    [
        (['{"a": 1}'], {"a": 1}),
        (["5"], {"result": 5}),
        (["word"], {"result": "word"}),
        (["a", "b"], {"result": ["a", "b"]}),
        (['["a","b"]'], {"result": ["a", "b"]}),
        (["[1]"], [1]),
    ],
)
def test_structured_content_that_the_text_says_too_is_not_repeated(texts: list[str], structured: Any) -> None:
    result = read(content=[text(one) for one in texts], structuredContent=structured)
    assert result.text == "\n".join(texts)


@pytest.mark.parametrize("structured", [{"a": 1}, {"result": 5}, [1, 2], "word", 7, {"result": ["a", "x"]}])
def test_structured_content_that_says_more_is_shown(structured: Any) -> None:
    result = read(content=[text("found"), text("it")], structuredContent=structured)
    assert result.text == "found\nit\n" + msgspec.json.encode(structured).decode()


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    assert read().text == read(content=[text("")]).text == "(The result is empty.)"


def test_a_result_that_asks_a_person_is_a_failure() -> None:
    with pytest.raises(McpFault, match="asks for input from a person"):
        read(resultType="input_required", inputRequests={"x": {"method": "elicitation/create"}})


@pytest.mark.parametrize(
    "raw", [b"null", b"[]", b'{"content":7}', b'{"content":[{"text":"\xff"}]}', b"[" * 90_000]
)
def test_what_is_no_result_is_nonsense(raw: bytes) -> None:
    with pytest.raises(Nonsense):
        tool_result(raw)


def test_a_result_of_an_unknown_type_is_nonsense() -> None:
    with pytest.raises(Nonsense, match="unknown type"):
        read(resultType="task")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["content", "type", "text", "data", "resource", "structuredContent", "isError"]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_a_result_or_a_failure(value: Any) -> None:
    with suppress(McpFault):
        assert tool_result(msgspec.json.encode(value)).text


def test_sizes_are_for_a_person() -> None:
    assert size("") == "0 bytes"
    assert size("AAAA" * 333 + "AA==") == "1 kB"
