"""Chats: the question is kept, the turn loop answers it, the answer is kept.

A question counts once it is kept, whatever becomes of the answer; an answer is kept whole or not at all.
Turns of one conversation follow each other. What an answer cost is counted, also when it came to nothing. A
dialogue that the client keeps is answered in the same way, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self

from gagarin.core.config import Config
from gagarin.server import problems
from gagarin.server.answers import Answered
from gagarin.server.auth.identity import Caller
from gagarin.server.budgets import Budgets
from gagarin.server.errors import ProviderError
from gagarin.server.history.store import Held, Store, Turn
from gagarin.server.metrics import Metrics
from gagarin.server.rounds import Asked, Bill, Rounds
from gagarin.server.turns import Dialogue, Output, Question
from gagarin.server.wire import Message
from gagarin.serving.logs import Log


class _Kept:
    """A question on its way into the store, and its place in its conversation. On leaving, the question is
    kept whatever happened, and its place is not left waiting.

    It is there for as long as an answer takes, so it holds little: no task that is over, no exit stack.
    """

    __slots__ = ("_accepting", "_held", "_lead", "_store", "_turn")

    def __init__(self, store: Store, accepting: Coroutine[Any, Any, Turn]) -> None:
        self._store = store
        self._accepting: asyncio.Task[Turn] | None = asyncio.create_task(accepting)
        self._turn: Turn | None = None
        self._lead: AbstractAsyncContextManager[Held] | None = None
        self._held: Held | None = None

    async def held(self) -> Held:
        """The conversation, once the question is kept and it is its turn. Raises what keeping it raises."""
        if self._held is None:
            turn = await self._accepted()
            lead = self._store.lead(turn)
            self._held = await lead.__aenter__()
            self._lead = lead
        return self._held

    async def begin(self) -> str | None:
        """The conversation's id, once the question is kept."""
        await self.held()
        return (await self._accepted()).conversation

    async def answer(self, answered: Answered) -> str | None:
        """Keep the answer; the conversation's id."""
        await self.held()
        turn = await self._accepted()
        await self._store.answer(turn, answered)
        return turn.conversation

    async def _accepted(self) -> Turn:
        if self._accepting is not None:
            self._turn = await self._accepting
            self._accepting = None
        assert self._turn is not None
        return self._turn

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self._accepting is not None:
            await self.held()
        return None if self._lead is None else await self._lead.__aexit__(kind, error, trace)


class _Told:
    """Begins an output when something is to be told, and only then."""

    def __init__(self, kept: _Kept | None, output: Output, began: Callable[[], None]) -> None:
        self._kept = kept
        self._output = output
        self._began = began
        self._begun = False
        self._conversation: str | None = None

    async def begin(self) -> str | None:
        """The conversation's id. Whatever is told, is told after the output's `begin`."""
        if not self._begun:
            self._conversation = None if self._kept is None else await self._kept.begin()
            self._begun = True
            await self._output.begin(self._conversation)
            self._began()
        return self._conversation


class Chats:
    """Answers questions to one Instance. Every method may raise `Problem` and `HistoryUnavailable`."""

    def __init__(
        self,
        config: Config,
        rounds: Rounds,
        store: Store,
        budgets: Budgets,
        log: Log,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._seconds = config.limits.request_timeout
        self._rounds = rounds
        self._store = store
        self._budgets = budgets
        self._log = log
        self._metrics = metrics
        self._now = now

    async def complete(self, caller: Caller, question: Question) -> tuple[Answered, str | None]:
        """The whole answer, and the conversation it is in."""
        async with self._turn(caller) as (bill, ends), self._kept(caller, question) as kept:
            held = await self._past(kept, question)
            if held.answer is not None:
                return held.answer, await kept.begin()
            asked = _asked(held, question, caller, ends)
            answered = await self._rounds.whole(asked, bill, kept.begin)
            return answered, await kept.answer(answered)

    async def stream(self, caller: Caller, question: Question, output: Output) -> None:
        """The answer as it is made. A `Problem` after `output.begin` means: it broke off."""
        with self._metrics.streams.track_inprogress():
            await self._stream(caller, question, output)

    async def _stream(self, caller: Caller, question: Question, output: Output) -> None:
        async with self._turn(caller) as (bill, ends), self._kept(caller, question) as kept:
            told = _Told(kept, output, self._first_token())
            held = await self._past(kept, question)
            answered = held.answer
            if answered is None:
                asked = _asked(held, question, caller, ends)
                answered = await self._rounds.streamed(asked, bill, told.begin, output)
                await kept.answer(answered)
            else:
                await told.begin()
                await output.tokens([answered.text])
            await output.end(answered, await told.begin())

    async def complete_dialogue(self, caller: Caller, dialogue: Dialogue) -> Answered:
        """The whole answer to a dialogue that the client keeps."""
        async with self._turn(caller) as (bill, ends):
            asked = Asked(alternating(dialogue.messages), caller, ends, dialogue.origin, dialogue.context)
            return await self._rounds.whole(asked, bill, _nowhere)

    async def stream_dialogue(self, caller: Caller, dialogue: Dialogue, output: Output) -> None:
        """The same as it is made."""
        with self._metrics.streams.track_inprogress():
            await self._stream_dialogue(caller, dialogue, output)

    async def _stream_dialogue(self, caller: Caller, dialogue: Dialogue, output: Output) -> None:
        async with self._turn(caller) as (bill, ends):
            told = _Told(None, output, self._first_token())
            asked = Asked(alternating(dialogue.messages), caller, ends, dialogue.origin, dialogue.context)
            answered = await self._rounds.streamed(asked, bill, told.begin, output)
            await told.begin()
            await output.end(answered, None)

    def _kept(self, caller: Caller, question: Question) -> _Kept:
        return _Kept(self._store, self._accept(caller, question))

    async def _past(self, kept: _Kept, question: Question) -> Held:
        """What was before the question. One that begins a conversation has no past to wait for: the model is
        asked while it is being kept."""
        if question.conversation is None and question.idempotency is None:
            return Held()
        return await kept.held()

    async def _accept(self, caller: Caller, question: Question) -> Turn:
        turn = await self._store.accept(
            caller.owner, question.conversation, question.input, question.idempotency
        )
        if turn is None:
            raise problems.unknown_conversation(question.conversation or "")
        return turn

    @asynccontextmanager
    async def _turn(self, caller: Caller) -> AsyncIterator[tuple[Bill, float]]:
        """Within the caller's budget and the Agent's time limit, and while the caller's token is good."""
        await self._budgets.admit(caller)
        bill = Bill()
        left = caller.expires - self._now()
        seconds = min(left, self._seconds)
        try:
            async with asyncio.timeout(seconds):
                yield bill, asyncio.get_running_loop().time() + seconds
        except TimeoutError as error:
            raise (
                problems.token_expired() if left < self._seconds else problems.too_slow(self._seconds)
            ) from error
        except ProviderError as error:
            self._log.event("warning", str(error), fault=error.fault)
            raise problems.provider_failed(error) from error
        finally:
            await self._charge(caller, bill)

    async def _charge(self, caller: Caller, bill: Bill) -> None:
        for spent in bill.items:
            self._metrics.used(spent)
        await self._budgets.used(caller, *bill.items)

    def _first_token(self) -> Callable[[], None]:
        began = time.perf_counter()
        return lambda: self._metrics.first_token(time.perf_counter() - began)


async def _nowhere() -> None:
    """The conversation of a dialogue."""


def _asked(held: Held, question: Question, caller: Caller, ends: float) -> Asked:
    messages = alternating([*held.past, Message("user", question.input)])
    return Asked(messages, caller, ends, question.origin)


def alternating(messages: Iterable[Message]) -> Sequence[Message]:
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
