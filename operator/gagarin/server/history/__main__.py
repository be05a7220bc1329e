"""`python3 -m gagarin.server.history`."""

import asyncio
import sys

from gagarin.server import main as server
from gagarin.server import settings as options
from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history import administration
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log

try:
    settings = options.parse([])
    config = server.load(settings.config)
    command = administration.parser().parse_args()
    streams = (Log("warning", sys.stderr.buffer), sys.stdin.buffer, sys.stdout.buffer)
    asyncio.run(administration.run(command, settings, config, *streams))
except (HistoryUnavailable, StartError) as error:
    sys.exit(f"gagarin.server.history: {error}")
