"""The running process: everything is made here, once, and handed to who needs it.

It begins to listen when it can answer, is ready once it has the cluster's keys, and ends on SIGTERM:
readiness off, no new connections, the answers under way finish (the pod's preStop has given the Service
time to send new ones elsewhere), the history is closed. A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
from aiohttp import AddrInfoType

from gagarin.core.config import Config
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.kube.errors import EndpointError
from gagarin.server import egress, wire
from gagarin.server.app import ChatApi
from gagarin.server.auth.access import Access
from gagarin.server.auth.authority import KubeAuthority
from gagarin.server.auth.gate import Gate
from gagarin.server.auth.keys import KeyRing
from gagarin.server.auth.reviewer import Reviewer
from gagarin.server.auth.tokens import TokenVerifier, Verifier, issuer_of
from gagarin.server.budgets import Budgets
from gagarin.server.chat import Chats
from gagarin.server.errors import TokenRefused
from gagarin.server.history.choice import Choice, choose
from gagarin.server.history.store import Store
from gagarin.server.knowledge.library import knowledge_of
from gagarin.server.listeners import Listener
from gagarin.server.metrics import Metrics
from gagarin.server.prompt import Prompt
from gagarin.server.provider import ModelClient
from gagarin.server.rounds import Rounds
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.settings import Settings
from gagarin.server.spans import service_of
from gagarin.server.tools.configured import Workshop
from gagarin.server.tools.toolset import Toolset
from gagarin.serving import ops
from gagarin.serving.certificate import Certificate
from gagarin.serving.collector import tracing_of
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log
from gagarin.serving.signals import stop_event
from gagarin.serving.tracing import Tracing

DRAIN_MARGIN = 5.0  # seconds beyond the longest possible answer
# A thread that wants to go on waits this long for one that computes. With Python's 5 ms, the history's thread
# would wait that long for each statement while the event loop is busy.
SWITCH_SECONDS = 0.0005
# What may wait of one reply that is read slower than it is written: in the kernel, and again in this process.
PROVIDER_BUFFER = 32 * 1024


class _Auth(NamedTuple):
    verifier: TokenVerifier
    gate: Gate


class _State:
    """What readiness depends on; never the model's provider."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self.draining = False

    def unready(self) -> str | None:
        if self.draining:
            return "draining"
        return None if self._verifier.ready else "tokens cannot be verified yet"


async def serve(settings: Settings, config: Config, log: Log) -> None:
    """Run until a signal. Raises `StartError` if it cannot begin."""
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = stop_event()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        tracing = tracing_of(service_of(config))
        stack.callback(tracing.close)
        history = choose(config, settings.data, settings.secrets, log)
        store = await stack.enter_async_context(_opened(history.store))
        auth = await _auth(settings, config, log, metrics, stack)
        session = await stack.enter_async_context(_provider_session())
        models = _models(session, settings, config, metrics, tracing)
        toolset = await stack.enter_async_context(_toolset(settings, config, log, metrics, tracing))
        knowledge = await stack.enter_async_context(knowledge_of(config, settings, session, metrics, log))
        rounds = Rounds(config, models, toolset, knowledge, Prompt(config), log)
        budgets = _budgets(config, history, log)
        stack.push_async_callback(budgets.close)
        chats = Chats(config, rounds, store, budgets, log, metrics)
        api = ChatApi(config, auth.gate, chats, store, budgets, log, metrics, settings, tracing)
        stack.push_async_callback(api.close)
        state = _State(auth.verifier)
        certificate = _certificate(config, settings, log)
        chat_listener = Listener(api.application(), api.drain)
        ops_listener = Listener(ops.application(metrics.text, state.unready))
        stack.push_async_callback(ops_listener.drain, 0)
        await _announce(settings, config, log, chat_listener, ops_listener, certificate)
        await _until(stop, auth.verifier.keep_fresh(), *_fresh(certificate))
        state.draining = True
        await _drain(chat_listener, _drain_seconds(settings, config), log)


def _budgets(config: Config, history: Choice, log: Log) -> Budgets:
    return Budgets(config.limits, history.counts, history.ledger, log)


@asynccontextmanager
async def _opened(store: Store) -> AsyncIterator[Store]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def _auth(
    settings: Settings, config: Config, log: Log, metrics: Metrics, stack: AsyncExitStack
) -> _Auth:
    try:
        client = await stack.enter_async_context(KubeClient(_endpoint(settings), user_agent="gagarin-chat"))
        issuer = issuer_of(settings.api_token_file.read_text())
    except EndpointError as error:
        raise StartError(str(error)) from error
    except (OSError, TokenRefused) as error:
        raise StartError(f"--api-token-file {settings.api_token_file}: {_reason(error)}") from error
    authority = KubeAuthority(client, config.namespace, config.name)
    verifier = await _verifier(settings, config, log, authority, issuer)
    access = Access(authority, log, config.auth.stale_allow)
    instance = f"{config.namespace}/{config.name}"
    return _Auth(verifier, Gate(verifier, access, instance, config.auth.audiences, log, metrics))


async def _verifier(
    settings: Settings, config: Config, log: Log, authority: KubeAuthority, issuer: str
) -> TokenVerifier:
    auth = config.auth
    if auth.verification == "TokenReview":
        own = settings.api_token_file.read_text
        reviewer = Reviewer(authority, log, issuer, auth.audiences, auth.stale_allow, own)
        await reviewer.try_once()
        return reviewer
    keys = KeyRing(authority, log)
    await keys.try_refresh()
    return Verifier(keys, issuer, auth.audiences)


def _endpoint(settings: Settings) -> Endpoint:
    ca = None
    if settings.api_server.startswith("https://"):
        try:
            ca = settings.api_ca_file.read_text()
        except OSError as error:
            raise StartError(f"--api-ca-file {settings.api_ca_file}: {_reason(error)}") from error
        if not ca.strip():  # the ssl module would take the system's certificates instead
            raise StartError(f"--api-ca-file {settings.api_ca_file}: it is empty")
    return Endpoint(server=settings.api_server, token_file=settings.api_token_file, ca=ca)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _provider_session() -> aiohttp.ClientSession:
    """Connections to providers: as many as there are chats, kept for the next one, without cookies."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0, socket_factory=_provider_socket)
    return aiohttp.ClientSession(
        connector=connector,
        read_bufsize=PROVIDER_BUFFER,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "gagarin", "Accept-Encoding": "identity"},
    )


def _provider_socket(address: AddrInfoType) -> socket.socket:
    """Left alone, the kernel lets a connection whose reader waits for a slow client hold megabytes."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PROVIDER_BUFFER)
    return made


def _models(
    session: aiohttp.ClientSession, settings: Settings, config: Config, metrics: Metrics, tracing: Tracing
) -> list[ModelClient]:
    secrets = SecretFiles(settings.secrets)
    return [
        ModelClient(
            session,
            target,
            wire.Request(target, config.response_schema),
            secrets,
            metrics,
            extra_ca=config.extra_ca,
            tracing=tracing,
        )
        for target in (config.model, *config.fallbacks)
    ]


@asynccontextmanager
async def _toolset(
    settings: Settings, config: Config, log: Log, metrics: Metrics, tracing: Tracing
) -> AsyncIterator[Toolset]:
    """The tools, which begin to find out in the background what they offer."""
    async with egress.session() as session:
        workshop = Workshop(session, settings.secrets, settings.tokens, settings.sockets, log)
        toolset = Toolset(workshop.tools(config), log, metrics, tracing)
        await toolset.start()
        try:
            yield toolset
        finally:
            await toolset.close()


async def _announce(
    settings: Settings,
    config: Config,
    log: Log,
    chat: Listener,
    ops_port: Listener,
    certificate: Certificate | None,
) -> None:
    """Listen on both ports and say so."""
    tls = certificate.context if certificate else None
    ports = {
        "ops_port": await ops_port.listen(settings.host, settings.ops_port),
        "port": await chat.listen(settings.host, settings.port, tls),
    }
    gc.freeze()  # what exists now lives as long as the process: no collection needs to look at it
    name = f"{config.namespace}/{config.name}"
    log.event("info", "ready to serve", instance=name, revision=config.revision, host=settings.host, **ports)


def _certificate(config: Config, settings: Settings, log: Log) -> Certificate | None:
    if config.tls is None:
        return None
    files = (config.tls.certificate_file, config.tls.key_file)
    chain, key = (settings.secrets / file for file in files)
    return Certificate(chain, key, log)


def _fresh(certificate: Certificate | None) -> list[Coroutine[Any, Any, None]]:
    return [certificate.keep_fresh()] if certificate else []


async def _until(stop: asyncio.Event, *background: Coroutine[Any, Any, None]) -> None:
    """Wait for the signal. A background task that ends is a mistake of ours, and ends the process."""
    tasks = [asyncio.create_task(each) for each in background]
    stopped = asyncio.create_task(stop.wait())
    done, pending = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done - {stopped}:
        task.result()


def _drain_seconds(settings: Settings, config: Config) -> float:
    if settings.drain_seconds is not None:
        return settings.drain_seconds
    return config.limits.request_timeout + DRAIN_MARGIN


async def _drain(listener: Listener, seconds: float, log: Log) -> None:
    log.event("info", "draining", seconds=seconds)
    finished = await listener.drain(seconds)
    log.event("info" if finished else "warning", "stopped", answers_cut=not finished)
