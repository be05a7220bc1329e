"""Calls are put together from parts in any of the forms that providers send them in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server import toolcalls
from gagarin.server.toolcalls import Assembly, Call, CallPart, TooManyCalls


def assembled(*parts: dict[str, Any]) -> list[tuple[str, str, str]]:
    assembly = Assembly()
    for part in parts:
        assembly.add([msgspec.convert(part, CallPart)])
    return [(call.id, call.name, call.arguments) for call in assembly.calls()]


def part(
    index: int | None = 0, *, name: str | None = None, arguments: Any = None, **more: Any
) -> dict[str, Any]:
    return {"index": index, "function": {"name": name, "arguments": arguments}, **more}


def test_openai_sends_the_name_first_and_the_arguments_in_pieces() -> None:
    assert assembled(
        part(0, id="a", name="f", arguments=""),
        part(0, arguments='{"x"'),
        part(0, arguments=":1}"),
        part(1, id="b", name="g", arguments="{}"),
    ) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_parts_of_several_calls_may_be_mixed_and_in_any_order() -> None:
    assert assembled(
        part(1, id="b", name="g"), part(0, id="a", name="f"), part(1, arguments="{"), part(0, arguments="["),
        part(1, arguments="}"), part(0, arguments="]"),
    ) == [("a", "f", "[]"), ("b", "g", "{}")]  # fmt: skip


def test_calls_that_are_all_number_0_are_told_apart_by_their_ids() -> None:
    assert assembled(
        part(0, id="a", name="f", arguments="{"),
        part(0, arguments="}"),
        part(0, id="b", name="f"),
        part(0, arguments="{}"),
    ) == [("a", "f", "{}"), ("b", "f", "{}")]


def test_calls_without_ids_that_are_all_number_0_are_told_apart_because_one_is_complete() -> None:
    assert assembled(part(name="f", arguments="{}"), part(name="f", arguments='{"x":1}')) == [
        ("", "f", "{}"),
        ("", "f", '{"x":1}'),
    ]


def test_calls_without_an_index_begin_with_a_name() -> None:
    assert assembled(
        part(None, id="a", name="f", arguments="{"),
        part(None, arguments="}"),
        part(None, name="g", arguments="{}"),
    ) == [("a", "f", "{}"), ("", "g", "{}")]


def test_an_index_may_be_there_at_the_beginning_only() -> None:
    assert assembled(part(3, id="a", name="f"), part(None, arguments="{}")) == [("a", "f", "{}")]
    assert assembled(part(3, id="a", name="f"), part(None, id="a", arguments="{}")) == [("a", "f", "{}")]


def test_a_name_may_be_repeated_with_each_piece() -> None:
    assert assembled(part(name="f", arguments="{"), part(name="f", arguments="}")) == [("", "f", "{}")]


def test_an_id_may_come_late_and_change() -> None:
    assert assembled(part(name="f"), part(id="a", arguments="{"), part(id="b", arguments="}")) == [
        ("a", "f", "{}")
    ]


def test_arguments_may_be_an_object() -> None:
    assert assembled(part(name="f", arguments={"x": 1})) == [("", "f", '{"x":1}')]


def test_a_part_may_hold_nothing() -> None:
    assert assembled({}, {"index": 0}, {"index": 0, "function": None}) == [("", "", ""), ("", "", "")]


def test_what_google_adds_is_kept() -> None:
    call = toolcalls.whole([CallPart(None, "a", None, {"google": 1})])
    assert call == (Call("a", "", "", {"google": 1}),)


def test_each_part_of_a_whole_reply_is_a_call() -> None:
    same = msgspec.convert(part(None, id="a", name="f"), CallPart)
    assert [call.id for call in toolcalls.whole([same, same])] == ["a", "a"]


@pytest.mark.parametrize(
    "parts",
    [
        [part(index, name="f") for index in range(toolcalls.MAX_CALLS + 1)],
        [part(name="f", arguments="x" * (toolcalls.MAX_ARGUMENT_CHARS + 1))],
    ],
)
def test_a_reply_without_end_is_stopped(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(TooManyCalls):
        assembled(*parts)


CALLS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=5), st.dictionaries(st.text(max_size=3), st.integers(), max_size=3)
    ),
    min_size=1,
    max_size=4,
)


@given(CALLS, st.data())
def test_arguments_split_anywhere_and_mixed_in_any_order_are_put_together(
    calls: list[tuple[str, dict[str, int]]], data: st.DataObject
) -> None:
    """Each call's pieces stay in order; between calls any order is possible."""
    waiting: list[list[dict[str, Any]]] = []
    for index, (name, arguments) in enumerate(calls):
        text = msgspec.json.encode(arguments).decode()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        waiting.append(
            [part(index, id=f"call{index}", name=name), *(part(index, arguments=one) for one in pieces)]
        )
    parts = []
    while waiting:
        source = data.draw(st.sampled_from(waiting))
        parts.append(source.pop(0))
        if not source:
            waiting.remove(source)
    found = assembled(*parts)
    assert [(name, msgspec.json.decode(text)) for _, name, text in found] == calls


@given(
    st.lists(
        st.builds(
            part, st.integers() | st.none(), name=st.text() | st.none(), arguments=st.text() | st.none()
        ),
        max_size=8,
    )
)
def test_no_parts_do_anything_worse_than_a_strange_call(parts: list[dict[str, Any]]) -> None:
    assert len(assembled(*parts)) <= len(parts)
