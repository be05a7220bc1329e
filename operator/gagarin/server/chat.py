"""A turn of a conversation: the question is kept, the model is asked, the answer is kept.

A question counts once it is kept, whatever becomes of the answer; an answer is kept whole or not at all.
Turns of one conversation follow each other. When the first model cannot be asked, the fallbacks are, in
order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from gagarin.core.config import Config
from gagarin.server import problems, wire
from gagarin.server.auth.identity import Caller
from gagarin.server.body import Question
from gagarin.server.errors import ProviderError
from gagarin.server.history.store import Store, Turn
from gagarin.server.limits import Line
from gagarin.server.logs import Log
from gagarin.server.metrics import Metrics
from gagarin.server.provider import ModelClient
from gagarin.server.wire import Message, Reply, Usage

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True):
    """What /chat answers."""

    answer: str
    conversation: str | None
    usage: Usage | None


class Output(Protocol):
    """Where a streamed answer goes."""

    async def begin(self, conversation: str | None) -> None:
        """The answer is about to come."""
        ...

    async def tokens(self, texts: list[str]) -> None:
        """The next pieces of it. Waits while the receiver is slow."""
        ...

    async def end(self, conversation: str | None, usage: Usage | None) -> None:
        """It is complete, and kept."""
        ...


class _Accepted(NamedTuple):
    """A question that may be put to the model. `turn` is done once the question is kept."""

    past: Sequence[Message]
    turn: asyncio.Task[Turn]


class Chats:
    """Answers questions to one Instance. Every method may raise `Problem` and `HistoryUnavailable`."""

    def __init__(
        self,
        config: Config,
        models: Sequence[ModelClient],
        store: Store,
        log: Log,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._system = [wire.message("system", config.prompt)] if config.prompt else []
        self._seconds = config.limits.request_timeout
        self._models = models
        self._store = store
        self._log = log
        self._metrics = metrics
        self._now = now
        self._line = Line()

    async def complete(self, caller: Caller, question: Question) -> Answer:
        """The whole answer."""
        async with self._in_time(caller), self._accepted(caller, question) as accepted:
            messages = self._messages(accepted.past, question)
            reply = await self._first_able(lambda model: model.complete(messages))
            turn = await accepted.turn
            await self._keep(turn, reply)
        return Answer(reply.text, turn.conversation, reply.usage)

    async def stream(self, caller: Caller, question: Question, output: Output) -> None:
        """The answer as it is made. A `Problem` after `output.begin` means: it broke off."""
        began = time.perf_counter()
        async with self._in_time(caller), self._accepted(caller, question) as accepted:
            messages = self._messages(accepted.past, question)
            stream = await self._first_able(lambda model: model.open(messages))
            pieces: list[str] = []
            try:
                turn = await accepted.turn
                await output.begin(turn.conversation)
                self._metrics.first_token(time.perf_counter() - began)
                async for texts in stream:
                    pieces += texts
                    await output.tokens(texts)
            finally:
                await stream.close()
            await self._keep(turn, Reply("".join(pieces), stream.usage))
            await output.end(turn.conversation, stream.usage)

    @asynccontextmanager
    async def _accepted(self, caller: Caller, question: Question) -> AsyncIterator[_Accepted]:
        """The question, once it is its turn; on leaving, it is kept.

        One that begins a conversation has no past to wait for: it is kept while the model is asked already.
        """
        turn = asyncio.create_task(self._accept(caller, question))
        if question.conversation is None:
            try:
                yield _Accepted((), turn)
            finally:
                await turn
            return
        past = (await turn).past
        async with self._line.turn(question.conversation) as waited:
            yield _Accepted(await self._store.past(await turn) if waited else past, turn)

    async def _accept(self, caller: Caller, question: Question) -> Turn:
        turn = await self._store.accept(caller.owner, question.conversation, question.input)
        if turn is None:
            raise problems.unknown_conversation(question.conversation or "")
        return turn

    @asynccontextmanager
    async def _in_time(self, caller: Caller) -> AsyncIterator[None]:
        """Within the Agent's time limit, and while the caller's token is good."""
        left = caller.expires - self._now()
        try:
            async with asyncio.timeout(min(left, self._seconds)):
                yield
        except TimeoutError as error:
            raise (
                problems.token_expired() if left < self._seconds else problems.too_slow(self._seconds)
            ) from error
        except ProviderError as error:
            self._log.event("warning", str(error), fault=error.fault)
            raise problems.provider_failed(error) from error

    def _messages(self, past: Sequence[Message], question: Question) -> list[Message | msgspec.Raw]:
        return [*self._system, *alternating([*past, Message("user", question.input)])]

    async def _first_able(self, ask: Callable[[ModelClient], Awaitable[T]]) -> T:
        *earlier, last = self._models
        for model in earlier:
            try:
                return await ask(model)
            except ProviderError as error:
                self._log.event("warning", f"{error}; asking the next model", fault=error.fault)
        return await ask(last)

    async def _keep(self, turn: Turn, reply: Reply) -> None:
        await self._store.answer(turn, reply.text)
        if reply.usage is not None:
            self._metrics.used(reply.usage.prompt_tokens, reply.usage.completion_tokens)


def alternating(messages: Iterable[Message]) -> list[Message]:
    """The messages so that user and assistant alternate, beginning with the user.

    A question that was never answered is followed by another one, and a history that is cut may begin with an
    answer. Some models' chat templates refuse both; joined, nothing of it is lost to the model.
    """
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            joined[-1] = Message(message.role, f"{joined[-1].content}\n\n{message.content}")
        elif joined or message.role == "user":
            joined.append(message)
    return joined
