"""The ways in which a model is asked and its replies are passed on: whole, as they come, or once they are
checked.

The turn loop is the same for all of them (see `rounds`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gagarin.server.provider import ModelClient
from gagarin.server.replystream import ReplyStream
from gagarin.server.turns import Output, ToolEvent
from gagarin.server.wire import Offer, Reply, Sent

GAP = "\n\n"  # between what the model says before tool calls and what it says after them
Begin = Callable[[], Awaitable[str | None]]


class Voice(Protocol):
    """`ask` may be tried again with another model as long as it raises; after it, something may be passed
    on."""

    async def ask(self, model: ModelClient, messages: Sequence[Sent], offer: Offer) -> Reply | ReplyStream:
        """Raises `ProviderError`."""
        ...

    async def hear(self, asked: Reply | ReplyStream) -> Reply:
        """The whole reply, passed on as it comes. Raises `ProviderError`."""
        ...

    async def tool(self, event: ToolEvent) -> None:
        """A tool call begins, or ended."""
        ...

    async def close(self, text: str) -> None:
        """The answer is complete; `text` is all of it."""
        ...


class Silent:
    """Nothing is passed on."""

    async def ask(self, model: ModelClient, messages: Sequence[Sent], offer: Offer) -> Reply | ReplyStream:
        """A reply in one piece."""
        return await model.complete(messages, offer)

    async def hear(self, asked: Reply | ReplyStream) -> Reply:
        """It is here already."""
        assert isinstance(asked, Reply)
        return asked

    async def tool(self, event: ToolEvent) -> None:
        """Nobody is told."""

    async def close(self, text: str) -> None:
        """Nobody is told."""


class Checked(Silent):
    """Tool calls are told as they happen, and the answer once it is complete: one that has to fit a schema
    is of no use in parts, and may have to be asked for again."""

    def __init__(self, begin: Begin, output: Output) -> None:
        self._begin = begin
        self._output = output

    async def tool(self, event: ToolEvent) -> None:
        """Told."""
        await self._begin()
        await self._output.tool(event)

    async def close(self, text: str) -> None:
        """Told in one piece."""
        await self._begin()
        await self._output.tokens([text])


class Spoken:
    """Everything is passed on as it comes."""

    def __init__(self, begin: Begin, output: Output) -> None:
        self._begin = begin
        self._output = output
        self._said = False

    async def ask(self, model: ModelClient, messages: Sequence[Sent], offer: Offer) -> Reply | ReplyStream:
        """A streamed reply, at its first piece."""
        return await model.open(messages, offer)

    async def hear(self, asked: Reply | ReplyStream) -> Reply:
        """Pass its text on. What has to be kept of it is one text for each read: a text of its own for each
        token would take ten times its length."""
        assert isinstance(asked, ReplyStream)
        pieces: list[str] = []
        try:
            await self._begin()
            async for texts in asked:
                if not pieces and self._said:
                    await self._output.tokens([GAP])
                pieces.append("".join(texts))
                await self._output.tokens(pieces[-1:])
        finally:
            await asked.close()
        self._said = self._said or bool(pieces)
        return Reply("".join(pieces), asked.usage, asked.calls, asked.finish)

    async def tool(self, event: ToolEvent) -> None:
        """Told."""
        await self._output.tool(event)

    async def close(self, text: str) -> None:
        """All of it is said."""
