"""A gateway in this process, between an API server and a pod of a test."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gagarin.gateway.app import Gateway
from gagarin.gateway.metrics import Metrics
from gagarin.gateway.process import pod_session
from gagarin.gateway.settings import parse
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.serving.logs import Log
from gagarin.serving.tracing import PASS_ON, Tracing
from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.pod import Pod
from tests.unit.server.listening import Listening


class Serving(Listening):
    """A gateway that listens. `call` is a request of Alice, unless it names another token."""

    def __init__(
        self, app: web.Application, session: aiohttp.ClientSession, sink: io.BytesIO, tracing: Tracing
    ) -> None:
        super().__init__()
        self.tracing = tracing
        self._app = app
        self._session = session
        self._sink = sink

    def application(self) -> web.Application:
        return self._app

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [msgspec.json.decode(line) for line in self._sink.getvalue().splitlines()]

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = "alice", **options: Any
    ) -> tuple[int, Any]:
        """The status and the JSON (or the text) of an answer. A body of str or bytes goes as it is."""
        async with self.request(method, path, body, token=token, **options) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, msgspec.json.decode(text) if is_json and text else text

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "alice",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The same, as a response that is still open."""
        data = (
            body if body is None or isinstance(body, str | bytes | io.BytesIO) else msgspec.json.encode(body)
        )
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        return self._session.request(
            method, self.url + path, data=data, headers=sent, skip_auto_headers=("Content-Type",)
        )


Start = Callable[..., Awaitable[Serving]]


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    """The API server."""
    server = ApiServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    """The pod of every Instance."""
    server = Pod()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def start(api: ApiServer, pod: Pod, http: aiohttp.ClientSession) -> AsyncIterator[Start]:
    """Starts a gateway with options of the command line; stops it after the test."""
    async with AsyncExitStack() as stack:

        async def begin(*options: str, tracing: Tracing = PASS_ON) -> Serving:
            settings = parse(
                ["--default-namespace", "team-a", "--instance-url", pod.url, *options], environment={}
            )
            client = await stack.enter_async_context(KubeClient(Endpoint(api.url, token="gateway")))
            session = await stack.enter_async_context(pod_session(settings.instance_ca_file))
            sink = io.BytesIO()
            log = Log("info", sink)
            gateway = Gateway(settings, client, session, "gagarin-system", log, Metrics(), tracing)
            serving = Serving(gateway.application(), http, sink, tracing)
            stack.push_async_callback(serving.stop)
            await serving.start()
            return serving

        yield begin


@pytest.fixture
async def gateway(start: Start) -> Serving:
    """A gateway as it is by default."""
    return await start()
