"""`gagarin chat`: a conversation with an Instance at the keyboard.

On a terminal the answer is shown as Markdown while it comes; otherwise its text goes out as it is. What a
model says is never allowed to steer the terminal: control characters are left out.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown

from gagarin.cli.errors import CommandError
from gagarin.cli.reach import Direct, Through, advice, client_of
from gagarin.cli.terminal import printable
from gagarin.client import Done, GagarinError, SyncClient, Token, ToolCall

PROMPT = "> "
ENDS = ("/quit", "/exit")
Ask = Callable[[str], str]


@dataclass(slots=True)
class Screen:
    """Where answers go, and where everything else does."""

    answers: Console
    notes: Console
    plain: bool

    def note(self, text: str) -> None:
        """What is not the answer."""
        self.notes.print(printable(text), style="dim", markup=False, highlight=False)


@dataclass(slots=True)
class Talk:
    """One conversation; without one, the first answer begins it."""

    client: SyncClient
    screen: Screen
    conversation: str | None = None

    def say(self, text: str) -> None:
        """Say something and show the answer. Raises `GagarinError`."""
        with self.client.stream(text, conversation=self.conversation) as stream, _shown(self.screen) as show:
            for event in stream:
                if isinstance(event, Token):
                    show(printable(event.text))
                elif isinstance(event, ToolCall):
                    self.screen.note(f"{event.name}: {event.outcome}")
                elif isinstance(event, Done):
                    self.conversation = event.conversation
                    self._remark(event)

    def _remark(self, end: Done) -> None:
        for source in end.sources:
            self.screen.note(f"source: {source.title} ({source.location})")
        if end.finish != "stop":
            self.screen.note(f"the answer is not complete: {end.finish}")


def once(way: Direct | Through, message: str, conversation: str | None, screen: Screen) -> None:
    """One question, one answer. Raises `CommandError`."""
    with client_of(way) as client:
        talk = Talk(client, screen, conversation)
        try:
            talk.say(message)
        except GagarinError as error:
            raise CommandError(advice(error)) from error
    if talk.conversation:
        screen.note(f"conversation {talk.conversation}")


def converse(way: Direct | Through, conversation: str | None, screen: Screen, ask: Ask) -> None:
    """Question after question, until there is no more. What fails is said, and the next one may be asked."""
    with client_of(way) as client:
        talk = Talk(client, screen, conversation)
        screen.note("Ctrl-C stops an answer, Ctrl-D or /quit ends the conversation.")
        for line in _lines(ask):
            try:
                talk.say(line)
            except GagarinError as error:
                screen.note(f"error: {advice(error)}")
            except KeyboardInterrupt:
                screen.note("(stopped)")
    if talk.conversation:
        screen.note(f"go on later with -c {talk.conversation}")


def _lines(ask: Ask) -> Iterator[str]:
    while True:
        try:
            line = ask(PROMPT).strip()
        except (EOFError, KeyboardInterrupt):
            return
        if line in ENDS:
            return
        if line:
            yield line


@contextlib.contextmanager
def _shown(screen: Screen) -> Iterator[Callable[[str], None]]:
    """Takes the pieces of an answer."""
    out = screen.answers
    if screen.plain or not out.is_terminal:
        written: list[str] = []

        def write(text: str) -> None:
            written.append(text)
            _write(out, text)

        try:
            yield write
        finally:
            if written:  # a refusal leaves standard output empty
                _write(out, "\n")
        return
    whole: list[str] = []
    with Live(console=out, refresh_per_second=8, vertical_overflow="visible") as live:

        def show(text: str) -> None:
            whole.append(text)
            live.update(Markdown("".join(whole), hyperlinks=False))

        yield show


def _write(console: Console, text: str) -> None:
    console.file.write(text)
    console.file.flush()


def _unprompted(prompt: str) -> str:
    """`input` would mix the prompt with the answers, where they are kept or read by a program."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return input()


@contextlib.contextmanager
def keyboard(history: Path) -> Iterator[Ask]:
    """Lines from the keyboard, with those of earlier times to go back to, which only their owner can read."""
    if not sys.stdout.isatty():
        yield _unprompted
        return
    try:
        import readline
    except ImportError:  # Python can be built without it
        yield input
        return
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(1000)
    try:
        yield input
    finally:
        with contextlib.suppress(OSError):  # a home that cannot be written to is no reason to fail
            history.parent.mkdir(parents=True, exist_ok=True)
            history.touch(mode=0o600)
            readline.write_history_file(history)
