"""The running process: everything is made here, once, and handed to who needs it.

It ends on SIGTERM: readiness off, no new connections, the answers under way finish. It depends on nothing
to be ready: what an unreachable API server means, each answer says.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from aiohttp import web

from gagarin.gateway.app import Gateway
from gagarin.gateway.metrics import Metrics
from gagarin.gateway.settings import Settings
from gagarin.gateway.spans import SERVICE
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint, from_kubeconfig, in_cluster
from gagarin.kube.errors import EndpointError
from gagarin.serving import connections, ops
from gagarin.serving.certificate import Certificate
from gagarin.serving.collector import tracing_of
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log
from gagarin.serving.signals import stop_event


async def serve(settings: Settings, log: Log) -> None:
    """Run until a signal. Raises `StartError` if it cannot begin."""
    stop = stop_event()
    metrics = Metrics()
    endpoint = _endpoint(settings)
    async with AsyncExitStack() as stack:
        tracing = tracing_of(SERVICE)
        stack.callback(tracing.close)
        context = _context(settings, log, stack)
        client = await stack.enter_async_context(KubeClient(endpoint, user_agent="gagarin-gateway"))
        session = await stack.enter_async_context(pod_session(settings.instance_ca_file))
        namespace = settings.namespace or endpoint.namespace
        gateway = Gateway(settings, client, session, namespace, log, metrics, tracing)
        ops_app = ops.application(metrics.text, lambda: "draining" if stop.is_set() else None)
        ops_runner = await _listening(ops_app, 0.1, stack)
        runner = await _listening(gateway.application(), settings.drain_seconds, stack)
        ports = {
            "ops_port": await _listen(ops_runner, settings.host, settings.ops_port),
            "port": await _listen(runner, settings.host, settings.port, context),
        }
        log.event("info", "ready to serve", host=settings.host, **ports)
        await stop.wait()
        log.event("info", "draining", seconds=settings.drain_seconds)


def _endpoint(settings: Settings) -> Endpoint:
    try:
        endpoint = from_kubeconfig(settings.kubeconfig) if settings.kubeconfig else in_cluster()
    except EndpointError as error:
        raise StartError(str(error)) from error
    if endpoint.client_certificate is not None:
        raise StartError(
            f"--kubeconfig {settings.kubeconfig}: it has a client certificate, which would speak for every "
            "caller; use one with a token"
        )
    return endpoint


def pod_session(ca_file: Path | None) -> aiohttp.ClientSession:
    """Connections to pods: as many as there are chats, kept for the next one, without cookies. Raises
    `StartError` for a file that holds no certificates."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise StartError(f"--instance-ca-file {ca_file}: {error}") from error
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "gagarin-gateway", "Accept-Encoding": "identity"},
    )


async def _listening(app: web.Application, seconds: float, stack: AsyncExitStack) -> web.AppRunner:
    """A runner that gives answers under way these seconds when it ends."""
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=connections.quiet_logger(),
        handler_cancellation=True,
        shutdown_timeout=seconds,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


def _context(settings: Settings, log: Log, stack: AsyncExitStack) -> ssl.SSLContext | None:
    """What HTTPS is spoken with, if it is: a renewed certificate is taken while the process runs."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    certificate = Certificate(settings.tls_cert_file, settings.tls_key_file, log)
    fresh = asyncio.create_task(certificate.keep_fresh())
    stack.callback(fresh.cancel)
    return certificate.context


async def _listen(runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
    """Begin to listen; the port, which is another one than 0. Raises `StartError`."""
    listening = connections.listening(host, port)
    await web.SockSite(runner, listening, ssl_context=context, backlog=connections.BACKLOG).start()
    taken: int = runner.addresses[0][1]
    return taken
