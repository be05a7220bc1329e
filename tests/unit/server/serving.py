"""The chat API of one Instance, listening, and a client of it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec

from gagarin.core.config import Auth, Config, ModelTarget
from gagarin.server.accounts import MemoryLedger
from gagarin.server.app import ChatApi
from gagarin.server.auth.access import Access
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.gate import Gate
from gagarin.server.auth.keys import KeyRing
from gagarin.server.auth.tokens import Verifier
from gagarin.server.budgets import Budgets, LocalCounts
from gagarin.server.chat import Chats
from gagarin.server.history.sqlite import SqliteStore
from gagarin.server.history.store import Store
from gagarin.server.listeners import Listener
from gagarin.server.metrics import Metrics
from gagarin.server.prompt import Prompt
from gagarin.server.rounds import Rounds
from gagarin.server.tools.tool import Tool
from gagarin.server.tools.toolset import Toolset
from gagarin.serving.logs import Log
from tests.unit.server.auth.oracle import Oracle, account, quiet
from tests.unit.server.issuer import AUDIENCE, ISSUER
from tests.unit.server.providing import model_at, provider
from tests.unit.server.upstream import Upstream

VERBS: tuple[Verb, ...] = ("create", "get", "delete")


class Waits(NamedTuple):
    """How long clients are waited for."""

    body_timeout: float = 5.0
    resume_seconds: float = 10.0


class Api:
    """A listening chat API and a client of it."""

    def __init__(
        self, made: ChatApi, listener: Listener, url: str, session: aiohttp.ClientSession, oracle: Oracle
    ) -> None:
        self.made = made
        self.listener = listener
        self.url = url
        self.session = session
        self.oracle = oracle
        self.sink = io.BytesIO()

    def headers(self, name: str = "caller", **more: str) -> dict[str, str]:
        """The headers of somebody who may."""
        return {"Authorization": f"Bearer {self.oracle.issuer.token(name)}", **more}

    async def call(
        self, method: str, path: str, body: Any = None, *, name: str = "caller", **options: Any
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {**self.headers(name), **options.pop("headers", {})}
        async with self.session.request(
            method,
            self.url + path,
            data=None if body is None else io.BytesIO(data),
            headers=headers,
            **options,
        ) as response:
            text = await response.read()
            if response.status >= 400 and not path.startswith("/v1/"):
                assert response.content_type == "application/problem+json"
            is_json = response.content_type in ("application/json", "application/problem+json")
            return response.status, msgspec.json.decode(text) if is_json else text.decode() or None

    def post(self, path: str, body: Any, *, name: str = "caller", **headers: str) -> Any:
        """A response, to be read piece by piece."""
        return self.session.post(self.url + path, json=body, headers=self.headers(name, **headers))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Its lines of one kind."""
        lines = [msgspec.json.decode(line) for line in self.sink.getvalue().splitlines()]
        return [line for line in lines if line["log"] == kind]


def configured(upstream: Upstream, **changed: Any) -> Config:
    """Instance team-a/helper."""
    return Config(
        schema_version=1,
        name="helper",
        namespace="team-a",
        revision="r1",
        prompt="Be kind.",
        model=ModelTarget(provider=provider(upstream.url), model="small"),
        auth=Auth(audiences=(AUDIENCE,)),
        **changed,
    )


@asynccontextmanager
async def serving(
    upstream: Upstream,
    folder: Path,
    store: Store | None = None,
    waits: Waits | None = None,
    tools: Sequence[Tool] = (),
    **changed: Any,
) -> AsyncIterator[Api]:
    """An API with these changes of the configuration."""
    config = configured(upstream, **changed)
    oracle, sink, metrics, ledger = Oracle(), io.BytesIO(), Metrics(), MemoryLedger()
    oracle.allowed = {(account(name).user, verb) for name in ("caller", "other") for verb in VERBS}
    log = Log("info", sink)
    store = store or SqliteStore(folder, 10, quiet())
    await store.open()
    budgets = Budgets(config.limits, LocalCounts(ledger), ledger, quiet())
    toolset = Toolset(tools, log, metrics)
    await toolset.start()
    async with model_at(upstream.url, folder) as model, aiohttp.ClientSession() as session:
        verifier = Verifier(KeyRing(oracle, quiet()), ISSUER, (AUDIENCE,))
        gate = Gate(verifier, Access(oracle, quiet(), 300.0), "team-a/helper", (AUDIENCE,), log, metrics)
        rounds = Rounds(config, [model], toolset, None, Prompt(config), log)
        chats = Chats(config, rounds, store, budgets, log, metrics)
        made = ChatApi(config, gate, chats, store, budgets, log, metrics, waits or Waits())
        listener = Listener(made.application(), made.drain)
        port = await listener.listen("127.0.0.1", 0)
        api = Api(made, listener, f"http://127.0.0.1:{port}", session, oracle)
        api.sink = sink
        yield api
        await listener.drain(0)
        await made.close()
    await toolset.close()
    await budgets.close()
    await store.close()
