"""The turn loop: the model is asked, the tools it calls are called, and it is asked again with their results.

It ends with the first reply that calls no tool, or after `limits.maxToolRounds` rounds with a request for an
answer without them. When a model cannot be asked, the next one is, with the same messages, as long as nothing
of this very reply was passed on. Nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from gagarin.core.config import Config
from gagarin.server import costs, problems, wire
from gagarin.server.accounts import Spent
from gagarin.server.answers import Answered, SourceUse, ToolUse
from gagarin.server.auth.identity import Caller
from gagarin.server.errors import ProviderError
from gagarin.server.history import window
from gagarin.server.knowledge.passages import Knowledge, Passage
from gagarin.server.prompt import Prompt
from gagarin.server.provider import ModelClient
from gagarin.server.replystream import ReplyStream
from gagarin.server.structured import AnswerSchema, answer_in
from gagarin.server.toolcalls import Call
from gagarin.server.tools import names
from gagarin.server.tools.tool import CallContext, ToolResult
from gagarin.server.tools.toolset import Offered, Prepared, Toolset
from gagarin.server.turns import Origin, Output, ToolEvent
from gagarin.server.voices import GAP, Begin, Checked, Silent, Spoken, Voice
from gagarin.server.wire import CallsMessage, Message, Offer, Reply, ResultMessage, Sent, Usage
from gagarin.serving.logs import Log

LAST_ROUND = "\n\n[No more functions can be called. Answer now, with what is known.]"


class Asked(NamedTuple):
    """What a turn is about: the dialogue whose last message is the question, who asks, and until when (the
    event loop's time) the answer is wanted. `context` is what a client's own system messages say."""

    messages: Sequence[Message]
    caller: Caller
    ends: float
    origin: Origin = Origin()
    context: str = ""


class Bill:
    """What a turn has cost up to now, also if it comes to nothing: one item for each model."""

    def __init__(self) -> None:
        self.model = ""
        self._items: dict[str, Spent] = {}

    def add(self, model: ModelClient, usage: Usage | None) -> None:
        """One reply of a model."""
        self.model = model.model
        if usage is not None:
            spent = Spent(model.model, usage, model.cost(usage))
            known = self._items.get(model.model)
            self._items[model.model] = spent if known is None else _sum(model.model, (known, spent))

    @property
    def items(self) -> Sequence[Spent]:
        """The sums for each model."""
        return tuple(self._items.values())

    @property
    def total(self) -> Spent | None:
        """The sum of all; None if no provider told any usage."""
        return _sum(self.model, self.items) if self._items else None


class Rounds:
    """Answers what is asked of one Agent. Both ways raise `Problem` and `ProviderError`."""

    def __init__(
        self,
        config: Config,
        models: Sequence[ModelClient],
        toolset: Toolset,
        knowledge: Knowledge | None,
        prompt: Prompt,
        log: Log,
    ) -> None:
        self.limit = config.limits.max_tool_rounds
        self.schema = AnswerSchema(config.response_schema) if config.response_schema is not None else None
        self.models = models
        self.toolset = toolset
        self.knowledge = knowledge
        self.prompt = prompt
        self.log = log

    async def whole(self, asked: Asked, bill: Bill, begin: Begin) -> Answered:
        """The answer. `begin` says, once the question is kept, in which conversation; it is called before any
        tool, maybe more than once."""
        return await _Turn(self, asked, bill, begin, Silent()).answer()

    async def streamed(self, asked: Asked, bill: Bill, begin: Begin, output: Output) -> Answered:
        """The same, passed on as it is made; `begin` is called before anything is."""
        voice: Voice = Spoken(begin, output) if self.schema is None else Checked(begin, output)
        return await _Turn(self, asked, bill, begin, voice).answer()


class _Turn:
    """One turn under way."""

    def __init__(self, rounds: Rounds, asked: Asked, bill: Bill, begin: Begin, voice: Voice) -> None:
        self._rounds = rounds
        self._asked = asked
        self._bill = bill
        self._begin = begin
        self._voice = voice
        self._messages: list[Sent] = []
        self._said = 0  # how many of them, behind the first, are of the dialogue
        self._beside: tuple[msgspec.Raw, ...] = ()  # what a model gets beside the dialogue
        self._texts: list[str] = []
        self._uses: list[ToolUse] = []
        self._passages: Sequence[Passage] = ()
        self._ids: set[str] = set()
        self._model = 0  # the one that answered last is asked first

    async def answer(self) -> Answered:
        if self._rounds.knowledge is not None:
            self._passages = await self._rounds.knowledge.passages(self._asked.messages[-1].content)
        system = self._rounds.prompt.message(self._passages, self._asked.context)
        self._messages = [system, *self._asked.messages]
        self._said = len(self._asked.messages)
        offered = await self._rounds.toolset.offered()
        self._beside = (system, *offered.definitions)
        self._fit()
        for left in range(self._rounds.limit, 0, -1):
            if not offered.functions:
                break
            reply = await self._ask(Offer(offered.definitions))
            if not (calls := self._calls(reply)):
                return await self._finished(reply, offered)
            await self._run(reply, calls, offered, last=left == 1)
        return await self._finished(await self._ask(_closing(offered)), offered)

    def _fit(self) -> None:
        """Of a dialogue that is too long for the model, the oldest turns are left out."""
        target = self._rounds.models[self._model].target
        *past, question = self._asked.messages
        if past:
            left = window.room(target, *self._beside, question.content)
            kept = [*window.fitting(past, left), question]
            self._messages[1 : 1 + self._said] = kept
            self._said = len(kept)

    def _calls(self, reply: Reply) -> Sequence[Call]:
        """The tool calls to make. An answer given through a call is none of them, and ends the turn."""
        if self._rounds.schema is not None and any(call.name == wire.ANSWER_FUNCTION for call in reply.calls):
            return ()
        return reply.calls

    async def _ask(self, offer: Offer) -> Reply:
        model, opened = await self._first_able(offer)
        reply = await self._voice.hear(opened)
        self._bill.add(model, reply.usage)
        if reply.text:
            self._texts.append(reply.text)
        return reply

    async def _first_able(self, offer: Offer) -> tuple[ModelClient, Reply | ReplyStream]:
        models = self._rounds.models
        while True:
            model = models[self._model]
            try:
                return model, await self._voice.ask(model, self._messages, offer)
            except ProviderError as error:
                if self._model == len(models) - 1:
                    raise
                self._rounds.log.event("warning", f"{error}; asking the next model", fault=error.fault)
            self._model += 1
            self._messages = wire.portable(self._messages)
            self._fit()

    async def _run(self, reply: Reply, calls: Sequence[Call], offered: Offered, *, last: bool) -> None:
        """Make the calls, and put them and their results behind the messages."""
        prepared = [self._rounds.toolset.prepared(offered, call.name, call.arguments) for call in calls]
        ids = [self._id(call) for call in calls]
        told = tuple(
            wire.sent(call, number, names.plain(one.name), _echo(call, one))
            for call, number, one in zip(calls, ids, prepared, strict=True)
        )
        results = await self._results(offered, ids, prepared)
        self._messages.append(CallsMessage(reply.text or None, told))
        texts = [result.text for result in results]
        if last:
            texts[-1] += LAST_ROUND
        self._messages += map(ResultMessage, ids, texts)

    async def _results(
        self, offered: Offered, ids: Sequence[str], calls: Sequence[Prepared]
    ) -> list[ToolResult]:
        context = self._context(await self._begin())
        for number, call in zip(ids, calls, strict=True):
            await self._voice.tool(ToolEvent(number, call.name, call.arguments, "running"))
        results: dict[int, ToolResult] = {}
        async with aclosing(self._rounds.toolset.run(offered, calls, context)) as outcomes:
            async for at, result, seconds in outcomes:
                results[at] = result
                call, outcome = calls[at], result.outcome
                event = ToolEvent(ids[at], call.name, call.arguments, outcome, round(seconds, 3))
                await self._voice.tool(event)
        self._uses += [ToolUse(call.name, results[at].outcome) for at, call in enumerate(calls)]
        return [results[at] for at in range(len(calls))]

    def _context(self, conversation: str | None) -> CallContext:
        caller, depth = self._asked.caller, self._asked.origin.depth
        return CallContext(caller.identity.user, caller.owner, conversation, depth, self._asked.ends)

    def _id(self, call: Call) -> str:
        """The provider's, unless it gave none or gave it before: then nine letters and digits, as all take
        it."""
        name, number = call.id, len(self._ids)
        while not name or name in self._ids:
            name = f"call{number:05d}"
            number += 1
        self._ids.add(name)
        return name

    async def _finished(self, reply: Reply, offered: Offered) -> Answered:
        text = GAP.join(self._texts)
        if self._rounds.schema is not None:
            text, reply = await self._fitting(self._rounds.schema, reply, offered)
        await self._voice.close(text)
        total = self._bill.total
        return Answered(
            text,
            None if total is None else total.usage,
            self._bill.model,
            tuple(self._uses),
            _sources(self._passages),
            reply.finish,
            None if total is None or total.cost is None else costs.plain(total.cost),
        )

    async def _fitting(self, schema: AnswerSchema, reply: Reply, offered: Offered) -> tuple[str, Reply]:
        """The answer that fits the schema, asked for once more if need be. Raises `Problem` 502."""
        answer = answer_in(reply)
        if (faults := schema.faults(answer)) and reply.finish != "refusal":
            self._messages += _correction(reply, faults)
            reply = await self._ask(_closing(offered))
            answer = answer_in(reply)
            faults = schema.faults(answer)
        if faults:
            raise problems.answer_misfit(reply.finish, faults)
        return answer, reply


def _closing(offered: Offered) -> Offer:
    """For a reply without calls."""
    return Offer(offered.definitions, closed=True) if offered.functions else wire.NOTHING


def _sum(model: str, items: Sequence[Spent]) -> Spent:
    """Costs that are not known count nothing."""
    usage = sum((one.usage for one in items[1:]), items[0].usage)
    known = [one.cost for one in items if one.cost is not None]
    return Spent(model, usage, sum(known[1:], known[0]) if known else None)


def _echo(call: Call, prepared: Prepared) -> str:
    """The arguments as they are told to the model again. Some providers refuse what is no JSON object even
    then."""
    return call.arguments if isinstance(prepared.arguments, dict) and call.arguments.strip() else "{}"


def _correction(reply: Reply, faults: Sequence[str]) -> list[Sent]:
    """What is wrong with an answer, said in the way in which it was given."""
    wrong = f"The answer does not fit the schema: {'; '.join(faults)}. Give it again, so that it fits."
    for call in reply.calls:
        if call.name == wire.ANSWER_FUNCTION:
            number = call.id or "call99999"
            told = wire.sent(call, number, call.name, "{}")
            return [CallsMessage(None, (told,)), ResultMessage(number, wrong)]
    said: list[Sent] = [Message("assistant", reply.text)] if reply.text else []
    return [*said, Message("user", wrong)]


def _sources(passages: Sequence[Passage]) -> tuple[SourceUse, ...]:
    """Each document once."""
    uses = (SourceUse(one.source, one.title, one.location) for one in passages)
    return tuple(dict.fromkeys(uses))
