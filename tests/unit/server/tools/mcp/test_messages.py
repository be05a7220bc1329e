"""Whatever a server sends is a message or nonsense, and streams are taken apart within bounds."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.tools.mcp import messages
from gagarin.server.tools.mcp.faults import Nonsense
from gagarin.server.tools.mcp.messages import Answer, Asked, Lines, Told, TooLong, parse

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
members = st.dictionaries(
    st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "other"]), json_values
)


def test_a_result_an_error_a_request_and_a_notification_are_told_apart() -> None:
    assert parse(b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}') == Answer(1, msgspec.Raw(b'{"a":1}'), None)
    failed = parse(b'{"id":"x","error":{"code":-32601,"message":"no","data":[1]}}')
    assert isinstance(failed, Answer)
    assert (failed.id, failed.result) == ("x", None)
    assert failed.error == messages.RpcError(-32601, "no", [1])
    assert parse(b'{"id":"q","method":"ping","params":{}}') == Asked("q", "ping")
    assert parse(b'{"method":"notifications/progress","params":{}}') == Told("notifications/progress")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        b"{}",
        b"null",
        b'"text"',
        b'{"id":1}',
        b'{"id":true,"result":{}}',
        b'{"id":null,"method":"ping"}',
        b'{"id":1.5,"method":"ping"}',
        b'{"id":1,"error":"so"}',
        b'{"id":1,"error":{"message":"no code"}}',
        b'{"id":1,"result":{"a":}}',
        b'{"id":1,"method":"\xff\xfe"}',
        b"[" * 100_000,
        b'{"id":1,"result":' + b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_nonsense(text: bytes) -> None:
    with pytest.raises(Nonsense, match="its server sent"):
        parse(text)


def test_a_batch_is_refused_by_name() -> None:
    with pytest.raises(Nonsense, match="several messages at once"):
        parse(b' [{"id":1,"result":{}}]')


@given(st.binary(max_size=200) | members.map(msgspec.json.encode))
def test_anything_at_all_is_a_message_or_nonsense(data: bytes) -> None:
    try:
        message = parse(data)
    except Nonsense:
        return
    assert isinstance(message, Answer | Asked | Told)


def test_only_a_ping_is_answered_with_a_result() -> None:
    assert msgspec.json.decode(messages.reply(Asked("7", "ping"))) == {
        "jsonrpc": "2.0",
        "id": "7",
        "result": {},
    }
    for method in ("sampling/createMessage", "elicitation/create", "roots/list", "nonsense"):
        refused = msgspec.json.decode(messages.reply(Asked(7, method)))
        assert (refused["id"], refused["error"]["code"]) == (7, -32601)


def test_our_own_messages_are_the_protocols() -> None:
    assert msgspec.json.decode(messages.request(3, "tools/list", {"cursor": "a"})) == {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "tools/list",
        "params": {"cursor": "a"},
    }
    assert msgspec.json.decode(messages.notification("notifications/initialized")) == {
        "jsonrpc": "2.0",
        "method": "notifications/initialized",
    }
    cancelled = msgspec.json.decode(messages.cancellation(3))
    assert (cancelled["method"], cancelled["params"]["requestId"]) == ("notifications/cancelled", 3)


@pytest.mark.parametrize(
    ("head", "number"),
    [
        (b'{"jsonrpc":"2.0","id":12,"result":{"content":[', 12),
        (b'{"id": 12, "jsonrpc": "2.0", "result": {', 12),
        (b'{"jsonrpc":"2.0","id":12,"error":', 12),
        (b'{"jsonrpc":"2.0","result":{"id":12,"result":', None),
        (b'{"jsonrpc":"2.0","id":"12","result":', None),
        (b'{"jsonrpc":"2.0","method":"notifications/message","params":{"id":1,"result"', None),
        (b"", None),
    ],
)
def test_the_beginning_of_a_message_says_what_it_answers(head: bytes, number: int | None) -> None:
    assert messages.answered_by(head) == number


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=8), st.data())
def test_lines_come_out_however_the_bytes_are_split(lines: list[bytes], data: st.DataObject) -> None:
    text = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parser = Lines(limit=8)
    found = [one for a, b in itertools.pairwise([0, *cuts, len(text)]) for one in parser.feed(text[a:b])]
    assert [one for one in found if isinstance(one, bytes)] == [
        line for line in lines if len(line) <= 8 and line.strip()
    ]
    too_long = [one for one in found if isinstance(one, TooLong)]
    assert len(too_long) == len([line for line in lines if len(line) > 8])


def test_a_line_without_end_is_not_kept() -> None:
    parser = Lines(limit=1000)
    found = [one for _ in range(1000) for one in parser.feed(b"x" * 500)]
    assert found == [TooLong(b"x" * messages.HEAD_BYTES)]
    assert parser.feed(b'x\n{"a":1}\n') == [b'{"a":1}']
