"""What is kept of the caller: its conversations, to list, read, take along and erase, and what it used."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from gagarin.server import problems, replies
from gagarin.server.accounts import KEPT_DAYS, DayUsage
from gagarin.server.admission import Admission
from gagarin.server.budgets import Budgets
from gagarin.server.history import export
from gagarin.server.history.store import Conversation, Page, Store
from gagarin.server.openapi import JSON, Answer, Operation, Parameter, Route
from gagarin.serving.problems import invalid_query

MAX_PAGE = 1000
PAGE = 100
DAYS = 30
NDJSON = "application/x-ndjson"
_ONE = "/conversations/{id:(?!export$)[^{}/]+}"
_encode = msgspec.json.Encoder().encode


class Erased(msgspec.Struct, frozen=True):
    """How many conversations there were."""

    conversations: int


class UsageReport(msgspec.Struct, frozen=True):
    """What the caller used, by UTC day and model, oldest first. A cost is a decimal."""

    days: Sequence[DayUsage]


def _number(name: str, description: str, most: int, default: int | None = None) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Parameter(name, "query", description, schema | ({} if default is None else {"default": default}))


_ID = Parameter("id", "path", "The conversation's id", {"type": "string"})
_LIMIT = _number("limit", "How many at most", MAX_PAGE, PAGE)
_CURSOR = r"^[0-9]{1,12}(\.[0-9]{1,9})?,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_PAGE = Parameter(
    "before", "query", "Goes on after an earlier page: its `before`", {"type": "string", "pattern": _CURSOR}
)
_TURN = _number("before", "Goes on before this turn: the `before` of an earlier answer", 2**31)
_DAYS = _number("days", "How many days, today included", KEPT_DAYS, DAYS)


class HistoryRoutes:
    """The handlers."""

    def __init__(self, admission: Admission, store: Store, budgets: Budgets) -> None:
        self._admission = admission
        self._store = store
        self._budgets = budgets

    def routes(self) -> list[Route]:
        """What they are for."""
        listed, read = (
            Answer("Newest first", {JSON: Page}),
            Answer("Its newest messages", {JSON: Conversation}),
        )
        erased, used = (
            Answer("They are gone", {JSON: Erased}),
            Answer("By day and model", {JSON: UsageReport}),
        )
        exported = Answer("One JSON document a line: a conversation, or a part of a long one", {NDJSON: None})
        gone = Answer("It is gone", status=204)
        operations = (
            (
                "GET",
                "/conversations",
                self.list,
                Operation(
                    "listConversations",
                    "The caller's conversations",
                    "get",
                    listed,
                    parameters=(_LIMIT, _PAGE),
                    problems=(400,),
                ),
            ),
            (
                "DELETE",
                "/conversations",
                self.erase,
                Operation("eraseConversations", "Erase all conversations of the caller", "delete", erased),
            ),
            (
                "GET",
                "/conversations/export",
                self.export,
                Operation("exportConversations", "All conversations of the caller", "get", exported),
            ),
            (
                "GET",
                _ONE,
                self.read,
                Operation(
                    "readConversation",
                    "A conversation's messages",
                    "get",
                    read,
                    parameters=(_ID, _LIMIT, _TURN),
                    problems=(400, 404),
                ),
            ),
            (
                "DELETE",
                _ONE,
                self.delete,
                Operation(
                    "deleteConversation",
                    "Erase a conversation",
                    "delete",
                    gone,
                    parameters=(_ID,),
                    problems=(404,),
                ),
            ),
            (
                "GET",
                "/usage",
                self.usage,
                Operation("usage", "What the caller used", "get", used, parameters=(_DAYS,), problems=(400,)),
            ),
        )
        return [Route(*each) for each in operations]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /conversations."""
        caller = await self._admission.admit(request, "get")
        try:
            page = await self._store.page(caller.owner, _limit(request), request.query.get("before"))
        except ValueError as error:
            raise invalid_query("before", "it is not what an earlier page gave") from error
        return self._json(page)

    async def read(self, request: web.Request) -> web.StreamResponse:
        """GET /conversations/ID."""
        caller = await self._admission.admit(request, "get")
        conversation = _conversation(request)
        before = _whole(request, "before", 2**31) if "before" in request.query else None
        found = await self._store.read(caller.owner, conversation, _limit(request), before)
        if found is None:
            raise problems.unknown_conversation(conversation)
        return self._json(found)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """DELETE /conversations/ID."""
        caller = await self._admission.admit(request, "delete")
        conversation = _conversation(request)
        if not await self._store.delete(caller.owner, conversation):
            raise problems.unknown_conversation(conversation)
        return web.Response(status=204, headers=self._admission.headers)

    async def erase(self, request: web.Request) -> web.StreamResponse:
        """DELETE /conversations."""
        caller = await self._admission.admit(request, "delete")
        return self._json(Erased(await self._store.erase(caller.owner)))

    async def export(self, request: web.Request) -> web.StreamResponse:
        """GET /conversations/export. What fails in the middle cuts the connection, so that it looks like
        it."""
        caller = await self._admission.admit(request, "get")
        response = replies.streaming(NDJSON, self._admission.headers)
        parts = export.parts(self._store, caller.owner)
        first = await anext(parts, None)
        replies.keep_small(request)
        await response.prepare(request)
        if first is not None:
            await response.write(_encode(first) + b"\n")
        async for part in parts:
            await response.write(_encode(part) + b"\n")
        return response

    async def usage(self, request: web.Request) -> web.StreamResponse:
        """GET /usage."""
        caller = await self._admission.admit(request, "get")
        days = _whole(request, "days", KEPT_DAYS) if "days" in request.query else DAYS
        return self._json(UsageReport(await self._budgets.usage(caller, days)))

    def _json(self, answer: object) -> web.Response:
        return replies.document(answer, self._admission.headers)


def _limit(request: web.Request) -> int:
    return _whole(request, "limit", MAX_PAGE) if "limit" in request.query else PAGE


def _whole(request: web.Request, name: str, most: int) -> int:
    text = request.query[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= most):
        raise invalid_query(name, f"a whole number from 1 to {most}")
    return int(text)


def _conversation(request: web.Request) -> str:
    """The id in the path; one that the server cannot have made is unknown like any other."""
    conversation = request.match_info["id"]
    if len(conversation) > 64 or not conversation.isascii():
        raise problems.unknown_conversation(ascii(conversation))
    return conversation
