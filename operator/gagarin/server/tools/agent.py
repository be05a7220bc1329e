"""Tools of type Agent: another Instance is asked, with this pod's own identity.

Each conversation here has its own conversation there. The other Instance is told, as `Gagarin-End-User`, a
digest of this conversation's owner and id, so that what it keeps for one conversation is out of reach for
every other one; and the newest conversation that this end user has there is the one to go on with. Nothing
has to be kept here for that: it is the same after a restart, and in every replica (docs/decisions/0017).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from yarl import URL

from gagarin.core.config import AgentPeer
from gagarin.server.tools.endpoint import Answer, CallFailed, Endpoint, Request, result_of
from gagarin.server.tools.tool import CallContext, Function, ToolResult

MAX_DEPTH = 5
MAX_KNOWN = 10_000
MAX_BYTES = 4 * 1024 * 1024
DEPTH_HEADER = "Gagarin-Depth"
END_USER_HEADER = "Gagarin-End-User"
_PARAMETERS = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The message to the agent."}},
    "required": ["input"],
    "additionalProperties": False,
}
_encode = msgspec.json.Encoder().encode


class _Reply(msgspec.Struct):
    answer: str
    conversation: str | None = None


class _Summary(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    conversations: list[_Summary] = []


class _Problem(msgspec.Struct):
    detail: str


T = TypeVar("T", _Reply, _Page)


class _Thread:
    """A conversation there. Its messages follow each other, as they would be answered anyway."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.conversation: str | None = None
        self.looked_for = False


class AgentTool:
    """`endpoint` is called with this pod's token for the peer; `allowed` as in the other types."""

    def __init__(
        self,
        name: str,
        peer: AgentPeer,
        endpoint: Endpoint,
        description: str,
        allowed: Sequence[str] | None,
    ) -> None:
        self.name = name
        self._url = URL(peer.url)
        self._endpoint = endpoint
        function = Function(peer.name, peer.description or description, _PARAMETERS)
        self._functions = (function,) if allowed is None or peer.name in allowed else ()
        self._threads: OrderedDict[str, _Thread] = OrderedDict()

    async def start(self) -> None:
        """Nothing goes on in the background."""

    async def close(self) -> None:
        """Nothing goes on in the background."""

    async def functions(self) -> Sequence[Function]:
        """One: to ask it."""
        return self._functions

    async def call(self, function: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        """Ask it, in the conversation that belongs to the one here."""
        if context.depth >= MAX_DEPTH:
            return ToolResult(f"Agents may not call each other more than {MAX_DEPTH} deep.", error=True)
        end_user = end_user_of(context)
        try:
            if context.conversation is None:
                return _result(await self._ask(end_user, arguments["input"], None, context))
            return await self._continue(end_user, arguments["input"], context)
        except CallFailed as error:
            return ToolResult(f"The agent failed: {error}.", error=True)

    async def _continue(self, end_user: str, text: str, context: CallContext) -> ToolResult:
        thread = self._thread(end_user)
        async with thread.lock:
            if not thread.looked_for:
                thread.conversation = await self._newest(end_user, context)
                thread.looked_for = True
            answer = await self._ask(end_user, text, thread.conversation, context)
            if answer.status == 404 and thread.conversation is not None:  # it was deleted there, or lost
                answer = await self._ask(end_user, text, None, context)
            if answer.status == 200:
                thread.conversation = _decoded(answer, _Reply).conversation
            return _result(answer)

    def _thread(self, end_user: str) -> _Thread:
        thread = self._threads.setdefault(end_user, _Thread())
        self._threads.move_to_end(end_user)
        if len(self._threads) > MAX_KNOWN:
            self._threads.popitem(last=False)
        return thread

    async def _newest(self, end_user: str, context: CallContext) -> str | None:
        """None also if we may not look: then each start of this pod begins a new conversation there."""
        url = (self._url / "conversations").with_query(limit="1")
        request = Request("GET", url, _headers(end_user, context))
        answer = await self._endpoint.exchange(request, _seconds(context), MAX_BYTES)
        if answer.status != 200:
            return None
        return next((found.id for found in _decoded(answer, _Page).conversations), None)

    async def _ask(self, end_user: str, text: str, conversation: str | None, context: CallContext) -> Answer:
        sent = {"input": text} if conversation is None else {"input": text, "conversation": conversation}
        headers = {**_headers(end_user, context), "Content-Type": "application/json"}
        request = Request("POST", self._url / "chat", headers, _encode(sent))
        return await self._endpoint.exchange(request, _seconds(context), MAX_BYTES)


def end_user_of(context: CallContext) -> str:
    """Who asks, for the other Instance: the same for all messages of one conversation here, and for nothing
    else. It tells nothing about the person."""
    whose = _encode([*context.owner, context.conversation])
    return f"agent-{hashlib.sha256(whose).hexdigest()}"


def _headers(end_user: str, context: CallContext) -> dict[str, str]:
    return {**context.trace, END_USER_HEADER: end_user, DEPTH_HEADER: str(context.depth + 1)}


def _seconds(context: CallContext) -> float:
    return max(context.ends - asyncio.get_running_loop().time(), 0.0)


def _result(answer: Answer) -> ToolResult:
    if answer.status == 200:
        return ToolResult(_decoded(answer, _Reply).answer)
    try:
        problem = msgspec.json.decode(answer.body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return result_of(answer)
    return ToolResult(f"The agent answered with status {answer.status}: {problem.detail}", error=True)


def _decoded(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CallFailed("it answered with something that is no answer of an Instance") from error
