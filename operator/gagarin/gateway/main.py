"""The command: settings in, an exit status out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from gagarin.gateway import settings as options
from gagarin.gateway.process import serve
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log

CANNOT_START = 2


def main(arguments: Sequence[str]) -> int:
    """Run until a signal: 0. A start that fails: 2, with one line on standard error."""
    try:
        settings = options.parse(arguments)
        log = Log(settings.log_level)
        log.handle_logging()
        try:
            asyncio.run(serve(settings, log))
        finally:
            log.flush()
    except StartError as error:
        sys.stderr.write(f"gagarin.gateway: {error}\n")
        return CANNOT_START
    return 0
