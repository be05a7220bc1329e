"""Everything that answers questions to one Instance, with a SQLite history and tools of the test."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gagarin.core.config import Auth, Config, Limits, ModelTarget
from gagarin.server.accounts import MemoryLedger
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Caller
from gagarin.server.budgets import Budgets, LocalCounts
from gagarin.server.chat import Chats
from gagarin.server.history.sqlite import SqliteStore
from gagarin.server.knowledge.passages import Knowledge
from gagarin.server.metrics import Metrics
from gagarin.server.prompt import Prompt
from gagarin.server.provider import ModelClient
from gagarin.server.rounds import Rounds
from gagarin.server.tools.tool import CallContext, Function, Tool, ToolResult
from gagarin.server.tools.toolset import Toolset
from gagarin.server.turns import ToolEvent
from gagarin.serving.logs import Log
from tests.unit.server.auth.oracle import account, quiet
from tests.unit.server.clock import Clock
from tests.unit.server.providing import provider

NOON = 1_800_014_400.0  # Friday, 2027-01-15 12:00 UTC
SYSTEM = "Be kind.\n\nDate and time: Friday, 2027-01-15 12:00 (UTC, UTC+00:00)"
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
Behaviour = Callable[[dict[str, Any], CallContext], Awaitable[ToolResult]]


async def echo(arguments: dict[str, Any], _: CallContext) -> ToolResult:
    """A function that says what it was told."""
    return ToolResult(arguments["text"])


class FakeTool:
    """A tool in memory; `calls` are the arguments it got."""

    def __init__(self, name: str = "team-a/tool", **functions: Behaviour) -> None:
        self.name = name
        self.offered: Sequence[Function] = [Function(one, "Echoes.", TEXT) for one in functions]
        self.behaviours = functions
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.contexts: list[CallContext] = []
        self.started = 0

    async def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.started -= 1

    async def functions(self) -> Sequence[Function]:
        return self.offered

    async def call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        self.calls.append((function, arguments))
        self.contexts.append(context)
        return await self.behaviours[function](arguments, context)


class Recorder:
    """An output that remembers."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.conversation: str | None = None
        self.answered: Answered | None = None

    async def begin(self, conversation: str | None) -> None:
        self.conversation = conversation
        self.events.append("begin")

    async def tokens(self, texts: list[str]) -> None:
        self.events += texts

    async def tool(self, event: ToolEvent) -> None:
        self.events.append((event.id, event.name, event.arguments, event.outcome))

    async def end(self, answered: Answered, conversation: str | None) -> None:
        assert conversation == self.conversation
        self.answered = answered
        self.events.append("end")

    @property
    def text(self) -> str:
        """The pieces joined."""
        return "".join(one for one in self.events if isinstance(one, str) and one not in ("begin", "end"))


class Rig:
    """Chats of one Instance."""

    def __init__(
        self,
        folder: Path,
        models: Sequence[ModelClient],
        *,
        tools: Sequence[Tool] = (),
        knowledge: Knowledge | None = None,
        log: Log | None = None,
        prompt: str = "Be kind.",
        schema: dict[str, Any] | None = None,
        **limits: Any,
    ) -> None:
        self.sink = io.BytesIO()
        self.log = log or Log("info", self.sink)
        self.store = SqliteStore(folder, 10, quiet())
        self.metrics = Metrics()
        self.ledger = MemoryLedger()
        config = Config(
            schema_version=1,
            name="helper",
            namespace="team-a",
            revision="r1",
            prompt=prompt,
            model=ModelTarget(provider=provider("http://unused"), model="small"),
            auth=Auth(audiences=("a",)),
            limits=Limits(**limits),
            response_schema=schema,
        )
        self.toolset = Toolset(tools, self.log, self.metrics)
        rounds = Rounds(config, models, self.toolset, knowledge, Prompt(config, Clock(NOON)), self.log)
        self.budgets = Budgets(config.limits, LocalCounts(self.ledger), self.ledger, quiet())
        self.chats = Chats(config, rounds, self.store, self.budgets, self.log, self.metrics)

    async def __aenter__(self) -> Rig:
        await self.store.open()
        await self.toolset.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.toolset.close()
        await self.budgets.close()
        await self.store.close()

    def caller(self, name: str = "caller", *, seconds: float = 3600.0) -> Caller:
        """A caller whose token is good for so long."""
        return Caller(account(name), time.time() + seconds)

    async def kept(self, conversation: str | None) -> list[tuple[str, str]]:
        """The messages of a conversation."""
        found = await self.store.read(self.caller().owner, conversation or "", 100, None)
        assert found is not None
        return [(message.role, message.content) for message in found.messages]

    async def only_conversation(self) -> str:
        """The id of the one conversation that there is."""
        (found,) = (await self.store.page(self.caller().owner, 10, None)).conversations
        return found.id

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """What was logged."""
        lines = [msgspec.json.decode(line) for line in self.sink.getvalue().splitlines()]
        return [line for line in lines if line["log"] == kind]


def context(**changed: Any) -> CallContext:
    """A call for team-a's caller, in a conversation."""
    members: dict[str, Any] = {
        "caller": account("caller").user,
        "owner": Caller(account("caller"), 0.0).owner,
        "conversation": "c1",
        "depth": 0,
        "ends": asyncio.get_running_loop().time() + 60.0,
        **changed,
    }
    return CallContext(**members)
