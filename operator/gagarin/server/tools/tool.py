"""What a tool is to the turn loop, whatever stands behind it.

A tool's failure is a result that the model reads, never an exception: a chat goes on without a tool that is
down, slow or broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gagarin.server.answers import Outcome
from gagarin.server.auth.identity import Owner


class Function(msgspec.Struct, frozen=True):
    """Something that can be called. `parameters` is the JSON Schema of its arguments, an object's; `name`
    is the tool's own, of any characters."""

    name: str
    description: str
    parameters: dict[str, Any]


class CallContext(msgspec.Struct, frozen=True):
    """For whom a call is made.

    `caller` is the user as RBAC knows it, `conversation` the id of the parent conversation (None: not kept).
    `depth` is how many agents have called each other on the way to this one, `ends` the event loop's time at
    which the whole answer has to be over, `trace` the headers (`traceparent` ...) to send along.
    """

    caller: str
    owner: Owner
    conversation: str | None
    depth: int
    ends: float
    trace: Mapping[str, str] = {}


class ToolResult(msgspec.Struct, frozen=True):
    """What the model is told. JSON stays JSON text; what is no text is described."""

    text: str
    error: bool = False

    @property
    def outcome(self) -> Outcome:
        """The same in a word."""
        return "error" if self.error else "ok"


class Tool(Protocol):
    """One configured Tool. Safe to use from many tasks."""

    name: str

    async def start(self) -> None:
        """Begin what goes on in the background. Never raises, and waits for nobody."""
        ...

    async def functions(self) -> Sequence[Function]:
        """What it offers now, the same object as long as nothing changed; none while it is down.

        Never raises, and returns within a second or so: it is on the way of every chat.
        """
        ...

    async def call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        """Call one of its functions, with arguments that fit the schema. Raises nothing but cancellation."""
        ...

    async def close(self) -> None:
        """End what goes on in the background."""
        ...
