from __future__ import annotations

import pytest

from gagarin.stub.errors import ApiError
from gagarin.stub.rules import Asked, Match, Reply, Rule, Rulebook, Script, ToolCall, parse_directive


def asked(message: str = "hello", *, model: str = "m", role: str = "user", told: str | None = None) -> Asked:
    return Asked("chat", model, role, message, told)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(model="gpt-*"), True),
        (Match(model="gpt"), False),
        (Match(role="tool"), False),
        (Match(message="(?i)WEATHER"), True),
        (Match(message="^weather"), False),
        (Match(model="gpt-*", message="snow"), False),
        (Match(route="embeddings"), False),
    ],
)
def test_every_member_of_a_match_has_to_fit(match: Match, fits: bool) -> None:
    assert match.fits(asked("the weather", model="gpt-9")) is fits


def test_the_first_rule_that_fits_is_used() -> None:
    script = Script(
        rules=(Rule(match=Match(model="x"), reply=Reply(content="1")), Rule(reply=Reply(content="2")))
    )
    assert Rulebook(script).choose(asked()).content == "2"
    assert Rulebook(script).choose(asked(model="x")).content == "1"


def test_a_rule_that_is_used_up_gives_way_until_the_reset() -> None:
    book = Rulebook(Script(rules=(Rule(reply=Reply(status=429), times=2),)))
    assert [book.choose(asked()).status for _ in range(3)] == [429, 429, None]
    book.reset()
    assert book.choose(asked()).status == 429


def test_a_directive_comes_before_the_rules() -> None:
    book = Rulebook(Script(rules=(Rule(reply=Reply(content="rule")),)))
    assert book.choose(asked(told="content=told")).content == "told"


def test_a_directive_that_is_used_up_gives_way_to_the_rules() -> None:
    book = Rulebook(Script(rules=(Rule(reply=Reply(content="rule")),)))
    replies = [book.choose(asked(told="status=500 times=1")) for _ in range(2)]
    assert [reply.status for reply in replies] == [500, None]
    assert replies[1].content == "rule"


def test_directives_are_counted_by_their_text() -> None:
    book = Rulebook(Script())
    assert book.choose(asked(told="status=500 times=1")).status == 500
    assert book.choose(asked(told="status=503 times=1")).status == 503


def test_a_tool_is_not_called_again_by_the_directive_that_called_it() -> None:
    told = """tool_calls='[{"name": "w"}]'"""
    book = Rulebook(Script())
    assert book.choose(asked(told=told)).tool_calls == (ToolCall("w"),)
    assert book.choose(asked(told=told, role="tool")).tool_calls == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tokns=5", "tokns"),
        ("tokens=many", "tokens"),
        ("status=200", "status"),
        ("fault=fire", "fire"),
        ("first_token_delay=-1", "first_token_delay"),
        ("content=a tokens=1", "exclude each other"),
        ("status=500 fault=hang", "exclude each other"),
        ("after=3", "needs a status or a fault"),
        ("nonsense", "key=value"),
    ],
)
def test_a_wrong_directive_is_named(text: str, named: str) -> None:
    with pytest.raises(ApiError, match=named):
        parse_directive(text)


def test_numbers_in_a_directive_are_numbers() -> None:
    reply = parse_directive("tokens=5 between_tokens=0.25 times=2")
    assert (reply.tokens, reply.between_tokens, reply.times) == (5, 0.25, 2)
