"""A conversation at the keyboard, with a server that stands for the Instance."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from gagarin.cli import chat
from gagarin.cli.chat import Screen, converse, keyboard, once
from gagarin.cli.errors import CommandError
from gagarin.cli.reach import Direct
from gagarin.cli.terminal import printable
from tests.unit.client.instance import Behaviour, Instance, event, refusing, writing


def answer(*texts: str, conversation: str | None = "c1", **end: object) -> Behaviour:
    tokens = [event(number, "token", {"text": text}) for number, text in enumerate(texts, 1)]
    return writing(*tokens, event(9, "done", {"conversation": conversation} | end))


def screen(*, terminal: bool = False, plain: bool = False) -> Screen:
    answers = Console(
        file=io.StringIO(), force_terminal=terminal, width=60, color_system=None, highlight=False
    )
    return Screen(answers, Console(file=io.StringIO(), width=200, highlight=False), plain)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def keys(*lines: str | BaseException) -> Callable[[str], str]:
    left = list(lines)

    def ask(_: str) -> str:
        line = left.pop(0) if left else EOFError()
        if isinstance(line, BaseException):
            raise line
        return line

    return ask


def test_one_message_gets_its_text_and_nothing_else_on_standard_output(served: Instance) -> None:
    served.behaviours = [answer("Good ", "day.")]
    shown = screen()
    once(Direct(served.url, "t"), "Hello", "c1", shown)
    assert said(shown.answers) == "Good day.\n"
    assert said(shown.notes) == "conversation c1\n"
    assert served.requests[0][3] == {"input": "Hello", "conversation": "c1"}


def test_an_instance_that_keeps_nothing_names_no_conversation(served: Instance) -> None:
    served.behaviours = [answer("Hi", conversation=None)]
    shown = screen()
    once(Direct(served.url, "t"), "Hello", None, shown)
    assert said(shown.notes) == ""


def test_what_a_refusal_means_is_said_with_what_to_do(served: Instance) -> None:
    served.behaviours = [refusing(403), refusing(422)]
    quiet = screen()
    with pytest.raises(CommandError, match="because\n  bind a Role with the verb create"):
        once(Direct(served.url, "t"), "Hello", None, quiet)
    assert said(quiet.answers) == ""
    with pytest.raises(CommandError, match=r"No: because$"):
        once(Direct(served.url, "t"), "Hello", None, screen())
    with pytest.raises(CommandError, match="is no URL"):
        once(Direct("helper", "t"), "Hello", None, screen())


def test_a_conversation_goes_on_until_there_is_no_more_to_say(served: Instance) -> None:
    served.behaviours = [answer("One."), answer("Two.")]
    shown = screen()
    converse(Direct(served.url, "t"), None, shown, keys("Hello", "  ", "Again"))
    assert said(shown.answers) == "One.\nTwo.\n"
    assert [body for _, _, _, body in served.requests] == [
        {"input": "Hello"},
        {"input": "Again", "conversation": "c1"},
    ]
    assert "go on later with -c c1" in said(shown.notes)


@pytest.mark.parametrize("end", ["/quit", "/exit", KeyboardInterrupt()])
def test_it_can_be_left(served: Instance, end: str | BaseException) -> None:
    shown = screen()
    converse(Direct(served.url, "t"), None, shown, keys(end, "more"))
    assert served.requests == []
    assert "go on later" not in said(shown.notes)


def test_what_fails_is_said_and_the_conversation_goes_on(served: Instance) -> None:
    served.behaviours = [refusing(502), answer("Now.")]
    shown = screen()
    converse(Direct(served.url, "t"), None, shown, keys("Hello", "Hello"))
    assert "error: No: because" in said(shown.notes)
    assert said(shown.answers).endswith("Now.\n")


def test_an_answer_can_be_stopped(served: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chat.Talk, "say", interrupted)
    shown = screen()
    converse(Direct(served.url, "t"), None, shown, keys("Hello"))
    assert "(stopped)" in said(shown.notes)


def test_on_a_terminal_markdown_is_shown_as_such(served: Instance) -> None:
    served.behaviours = [answer("# Title\n\n", "* one\n* two\n"), answer("# Title")]
    shown = screen(terminal=True)
    once(Direct(served.url, "t"), "Hello", None, shown)
    assert "• two" in said(shown.answers)
    assert "# Title" not in said(shown.answers)
    shown = screen(terminal=True, plain=True)
    once(Direct(served.url, "t"), "Hello", None, shown)
    assert said(shown.answers) == "# Title\n"


def test_tools_sources_and_incomplete_answers_are_noted(served: Instance) -> None:
    call = {"id": "1", "name": "clock", "arguments": {}, "outcome": "running"}
    source = {"name": "docs", "title": "Guide", "location": "guide.md"}
    end = {"conversation": None, "sources": [source], "finish": "length"}
    served.behaviours = [writing(event(1, "tool", call), event(2, "usage", {}), event(3, "done", end))]
    shown = screen()
    once(Direct(served.url, "t"), "Hello", None, shown)
    assert said(shown.notes).splitlines() == [
        "clock: running",
        "source: Guide (guide.md)",
        "the answer is not complete: length",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_model_does_not_steer_the_terminal(served: Instance, terminal: bool) -> None:
    served.behaviours = [answer("a\x1b]0;title\x07b\u202ec\x9b2J\rd")]
    shown = screen(terminal=terminal, plain=True)
    once(Direct(served.url, "t"), "Hello", None, shown)
    assert said(shown.answers) == "a]0;titlebc2Jd\n"
    assert printable("a\tb\nc é 你") == "a\tb\nc é 你"


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_the_prompt_is_never_among_answers_that_somebody_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\n"))
    with keyboard(tmp_path / "history") as ask:
        assert ask("> ") == "Hello"
    assert capsys.readouterr() == ("", "> ")


def test_what_was_typed_is_kept_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    file = tmp_path / "state" / "history"
    with keyboard(file) as ask:
        assert ask is input
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    os.mkfifo(tmp_path / "pipe")
    with keyboard(tmp_path / "pipe" / "history"):
        pass  # a place that cannot be written to is no reason to fail
