"""The command: settings and configuration in, an exit status out.

What keeps the server from starting is one line on standard error and in the termination log, where the
operator finds it for the Instance's Ready condition.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from gagarin.core import config as configuration
from gagarin.core.config import Config, ConfigError
from gagarin.server import settings as options
from gagarin.server.process import serve
from gagarin.server.settings import Settings
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log

CANNOT_START = 2


def main(arguments: Sequence[str]) -> int:
    """Run until a signal: 0. A start that fails: 2."""
    termination_log = options.termination_log()
    try:
        settings = options.parse(arguments)
        termination_log = settings.termination_log
        config = load(settings.config)
        run(settings, config)
    except StartError as error:
        report(str(error), termination_log)
        return CANNOT_START
    return 0


def run(settings: Settings, config: Config) -> None:
    """Serve until a signal. Raises `StartError`."""
    log = Log(settings.log_level)
    log.handle_logging()
    try:
        asyncio.run(serve(settings, config, log))
    finally:
        log.flush()


def load(file: Path) -> Config:
    """The configuration in a file. Raises `StartError`, naming the file and the field."""
    try:
        return configuration.decode(file.read_bytes())
    except OSError as error:
        raise StartError(f"configuration {file}: {error.strerror}") from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise StartError(f"configuration {file}: {error}") from error


def report(message: str, termination_log: Path) -> None:
    """Say why the start failed. The termination log exists in a container only."""
    sys.stderr.write(f"gagarin.server: {message}\n")
    try:
        if termination_log.exists():
            termination_log.write_text(f"{message}\n", encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"gagarin.server: {termination_log}: {error.strerror}\n")
