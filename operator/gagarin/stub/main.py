"""The process: read the options and the script, serve, say the port, stop on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence

from aiohttp import web

from gagarin.stub import script
from gagarin.stub.app import make_app
from gagarin.stub.errors import ScriptError
from gagarin.stub.rules import Script
from gagarin.stub.settings import Settings, parse


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT. Gives the exit status: 2 for a wrong script, 1 for a taken port."""
    settings = parse(arguments)
    try:
        rules = script.load(settings.script) if settings.script else Script()
        asyncio.run(serve(settings, rules))
    except ScriptError as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(f"cannot listen on {settings.host}:{settings.port}: {error}", 1)
    return 0


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"gagarin.stub: {message}\n")
    return status


async def serve(settings: Settings, rules: Script) -> None:
    """Serve until a signal, then let running answers finish. Prints one JSON line when ready."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = make_app(rules, settings.keys, settings.record)
    drain = settings.drain_seconds or 0.01  # aiohttp takes 0 for "as long as it takes"
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=drain)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        ready = {"event": "ready", "host": settings.host, "port": runner.addresses[0][1]}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()
