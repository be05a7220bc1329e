"""The options of the stub model server: command line, then environment, then default.

The environment variable of `--require-key` is GAGARIN_STUB_REQUIRE_KEY, and so on. What is unknown or cannot
be used is named on stderr, and the process ends with status 2.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gagarin.stub import keys

ENVIRONMENT_PREFIX = "GAGARIN_STUB_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the process is told."""

    host: str
    port: int
    script: Path | None
    keys: keys.Keys
    record: int
    drain_seconds: int


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process. Ends it (`SystemExit` 2) when one cannot be used."""
    options = _parser(environment).parse_args(arguments)
    return Settings(
        host=options.host,
        port=options.port,
        script=options.script,
        keys=keys.Keys(keys.parse(options.require_key), options.require_key_file),
        record=options.record,
        drain_seconds=options.drain_seconds,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m gagarin.stub",
        description="A model server with scripted answers that speaks the OpenAI protocol.",
        epilog=f"Each option is also an environment variable: --port is {ENVIRONMENT_PREFIX}PORT.",
        allow_abbrev=False,
    )

    def add(option: str, default: str | None, kind: Callable[[str], Any], text: str) -> None:
        variable = ENVIRONMENT_PREFIX + option[2:].replace("-", "_").upper()
        value = environment.get(variable, default)
        parser.add_argument(option, default=value, type=kind, metavar="VALUE", help=text)

    add("--host", "0.0.0.0", str, "address to listen on (0.0.0.0)")  # noqa: S104  # serves a pod's network
    add("--port", "8080", _whole(0, 65535), "port to listen on; 0 picks a free one (8080)")
    add("--script", None, Path, "file with rules that choose the replies")
    add("--require-key", "", str, "only take these API keys, comma separated")
    add("--require-key-file", None, Path, "only take the API keys in this file, read at each request")
    add("--record", "1000", _whole(0, 100_000), "how many requests GET /requests remembers (1000)")
    add("--drain-seconds", "5", _whole(0, 3600), "how long running answers may go on after SIGTERM (5)")
    return parser


def _whole(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return number
