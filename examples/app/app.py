"""A help desk: people ask over HTTP, the Instance `desk` answers, and each of them has one conversation.

    POST /ask {"user": "ann", "question": "Where is my order?"}

gives {"answer": ...}, or with `Accept: text/plain` the text as it is written. What is asked goes to the
Instance with this pod's own token, on behalf of the person: the Instance keeps people's conversations, and
what each may use up, apart. Who `user` is, this example believes; a real desk knows it from a log-in.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from gagarin.client import Client, GagarinError, NotFound, TooManyRequests

INSTANCE = "desk"
NAMESPACE = os.environ["NAMESPACE"]


class Desk:
    """Knows which conversation is whose; what was said, the Instance keeps."""

    def __init__(self) -> None:
        self._conversations: dict[str, str | None] = {}

    async def connected(self, _: web.Application) -> AsyncIterator[None]:
        """One client as long as the application runs: it keeps its connections."""
        async with Client.in_cluster(INSTANCE, NAMESPACE) as self._instance:
            yield

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """POST /ask."""
        try:
            asked = await request.json()
            user, question = str(asked["user"]), str(asked["question"])
        except (ValueError, KeyError, TypeError):
            raise web.HTTPBadRequest(text='send {"user": "...", "question": "..."}\n') from None
        conversation = await self._conversation(user)
        if "text/plain" in request.headers.get("Accept", ""):
            return await self._written(request, user, question, conversation)
        answer = await self._instance.chat(question, conversation=conversation, end_user=user)
        self._conversations[user] = answer.conversation
        return web.json_response({"answer": answer.answer})

    async def _written(
        self, request: web.Request, user: str, question: str, conversation: str | None
    ) -> web.StreamResponse:
        """The answer as it is written. Until its first word it can still become an error."""
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        async with self._instance.stream(question, conversation=conversation, end_user=user) as stream:
            async for text in stream.text():
                if not response.prepared:
                    await response.prepare(request)
                await response.write(text.encode())
            self._conversations[user] = stream.conversation
        return response

    async def _conversation(self, user: str) -> str | None:
        """The person's newest one: also when this pod is new and the person is not."""
        if user not in self._conversations:
            async with Client.in_cluster(INSTANCE, NAMESPACE, end_user=user) as as_user:
                page = await as_user.conversations(limit=1)
            self._conversations[user] = page.conversations[0].id if page.conversations else None
        return self._conversations[user]


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong on the way to the Instance, as an answer. The SDK has tried again already."""
    try:
        return await handler(request)
    except TooManyRequests as error:
        wait = {"Retry-After": str(int(error.retry_after or 1))}
        raise web.HTTPTooManyRequests(text=f"{error}\n", headers=wait) from error
    except NotFound as error:
        raise web.HTTPConflict(text=f"{error}\n") from error
    except GagarinError as error:
        raise web.HTTPBadGateway(text=f"{error}\n") from error


async def healthz(_: web.Request) -> web.Response:
    """GET /healthz."""
    return web.Response(text="ok\n")


def main() -> None:
    """Serve until the pod is told to end."""
    desk = Desk()
    app = web.Application(middlewares=[explained])
    app.cleanup_ctx.append(desk.connected)
    app.router.add_post("/ask", desk.ask)
    app.router.add_get("/healthz", healthz)
    web.run_app(app, port=8080, print=None)


if __name__ == "__main__":
    main()
