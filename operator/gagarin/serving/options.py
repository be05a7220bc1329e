"""What a process is told: command line, then environment, then defaults.

Each option is also an environment variable: `--ops-port` is GAGARIN_OPS_PORT. What cannot be used is named
and ends the start.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from gagarin.serving.errors import StartError
from gagarin.serving.logs import LEVELS

PREFIX = "GAGARIN_"
Kind = Callable[[str], Any]  # raises `argparse.ArgumentTypeError` for a value that cannot be used


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving the process, so that all faults of a start end the same way."""

    def error(self, message: str) -> NoReturn:
        raise StartError(message)


class Options:
    """The options of one program."""

    def __init__(self, program: str, description: str, environment: Mapping[str, str]) -> None:
        epilog = f"Each option is also an environment variable: --ops-port is {PREFIX}OPS_PORT."
        self._environment = environment
        self._parser = _Parser(prog=program, description=description, epilog=epilog, allow_abbrev=False)

    def add(self, option: str, default: str | None, kind: Kind, text: str) -> None:
        """One option. Raises `StartError` for a value in the environment that cannot be used."""
        given = self._given(PREFIX + option[2:].replace("-", "_").upper(), kind)
        preset = default if given is None else given
        about = f"{text} ({default})"
        self._parser.add_argument(option, default=preset, type=kind, metavar="VALUE", help=about)

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """The values by name. Raises `StartError`, naming the option; `--help` ends the process."""
        return vars(self._parser.parse_args(arguments))

    def _given(self, variable: str, kind: Kind) -> Any:
        if (value := self._environment.get(variable)) is None:
            return None
        try:
            return kind(value)
        except argparse.ArgumentTypeError as error:
            raise StartError(f"environment variable {variable}: {error}") from error


def port(text: str) -> int:
    """A port; 0 picks a free one."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number")
    return int(text)


def whole(text: str) -> int:
    """A whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    """Up to a day."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 86400")
    return found


def level(text: str) -> str:
    """A level of the log."""
    if text not in LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(LEVELS)}")
    return text


def switch(text: str) -> bool:
    """true or false."""
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"
