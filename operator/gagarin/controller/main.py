"""The operator's process: settings, logs, signals, exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from gagarin.controller import logs
from gagarin.controller.lease import LeaseLost
from gagarin.controller.process import Operator
from gagarin.controller.settings import Settings, parse
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint, from_kubeconfig, in_cluster
from gagarin.kube.errors import EndpointError, KubeError

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the operator. Returns 0 when it was told to stop, 1 when it failed, 2 when it could not begin."""
    settings = parse(arguments)
    logs.configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(_run(settings, _endpoint(settings)))
    except EndpointError as error:
        print(f"gagarin.controller: {error}", file=sys.stderr)  # noqa: T201 -- logs may go elsewhere
        return 2
    except (KubeError, LeaseLost, OSError) as error:
        logger.error("%s: the operator ends", error)  # noqa: TRY400 -- a trace would say no more
        return 1
    return 0


async def _run(settings: Settings, endpoint: Endpoint) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def arm() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    arm()
    async with KubeClient(endpoint, user_agent="gagarin-operator") as client:
        await Operator(settings, client, arm).run(stop)


def _endpoint(settings: Settings) -> Endpoint:
    return from_kubeconfig(settings.kubeconfig) if settings.kubeconfig else in_cluster()
