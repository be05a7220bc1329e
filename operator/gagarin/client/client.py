"""The client of one Instance, for asyncio. `blocking` has the same for programs without an event loop.

async with Client.in_cluster("helper", "team-a") as helper:
    answer = await helper.chat("Hello")
    async with helper.stream("Go on", conversation=answer.conversation) as stream:
        async for text in stream.text(): ...
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from gagarin.client import address
from gagarin.client.address import TOKEN_FILE, Address, TokenSource
from gagarin.client.answers import Answer, Conversation, ConversationPage, DayUsage
from gagarin.client.errors import SettingsError
from gagarin.client.stream import Stream
from gagarin.client.transport import END_USER, Request, Transport, checked_header

TIMEOUT = 300.0
ATTEMPTS = 3
_ID = re.compile(r"[-_A-Za-z0-9]{1,64}")


class _Erased(msgspec.Struct, frozen=True):
    conversations: int


class _Used(msgspec.Struct, frozen=True):
    days: tuple[DayUsage, ...]


class Client:
    """Calls one Instance. An async context manager; safe to use from many tasks of one loop.

    `token` is the token, a `Path` of its file (read again when it changes) or a function that gives it;
    `ca_file` a PEM bundle to trust instead of the system's, `server_name` whom its certificate is for if not
    the URL's host. `end_user` is for whom all calls are made, when the program serves several people: each
    has conversations of their own. `timeout` is how many seconds an answer may take, of a stream its
    beginning; `attempts` how often a request is made at most. Raises `SettingsError`; every method raises
    `GagarinError`s.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        ca_file: Path | None = None,
        server_name: str | None = None,
        end_user: str | None = None,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._transport = Transport(Address(url, token, ca_file, server_name), end_user, timeout, attempts)

    @classmethod
    def in_cluster(
        cls,
        instance: str,
        namespace: str | None = None,
        *,
        token: TokenSource = TOKEN_FILE,
        tls: bool = False,
        ca_file: Path | None = None,
        **options: Any,
    ) -> Self:
        """The Instance of this name, from a pod of its cluster: in the pod's namespace unless one is named.

        The pod has a projected token with the audience INSTANCE.NAMESPACE.svc in `token`. `tls`, or a
        `ca_file`, for an Instance that serves TLS. `options` are those of `Client`.
        """
        found = address.in_cluster(instance, namespace, token=token, tls=tls, ca_file=ca_file)
        return cls(found.url, found.token, ca_file=found.ca_file, **options)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def chat(
        self,
        text: str,
        *,
        conversation: str | None = None,
        end_user: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Say something, and wait for the whole answer. Without a conversation it begins one.

        `idempotency_key` is made here; give one to make the same request again from another process.
        """
        return await self._transport.answer(
            _question("/chat", text, conversation, end_user, idempotency_key), Answer
        )

    def stream(
        self,
        text: str,
        *,
        conversation: str | None = None,
        end_user: str | None = None,
        idempotency_key: str | None = None,
    ) -> Stream:
        """Say something, and read the answer as it is made. It is asked when the first event is waited
        for."""
        return Stream(self._transport, _question("/stream", text, conversation, end_user, idempotency_key))

    async def conversations(self, *, limit: int = 100, before: str | None = None) -> ConversationPage:
        """The caller's conversations, newest first; `before` goes on after an earlier page."""
        query = {"limit": str(limit)} | ({"before": before} if before is not None else {})
        return await self._transport.answer(Request("GET", "/conversations", query=query), ConversationPage)

    async def read(self, conversation: str, *, limit: int = 100, before: int | None = None) -> Conversation:
        """A conversation's newest messages, oldest first; `before` goes back from an earlier part."""
        query = {"limit": str(limit)} | ({"before": str(before)} if before is not None else {})
        return await self._transport.answer(Request("GET", _path(conversation), query=query), Conversation)

    async def delete(self, conversation: str) -> None:
        """Erase a conversation. Raises `NotFound`, also when a first attempt erased it and broke off."""
        await self._transport.whole(Request("DELETE", _path(conversation)))

    async def delete_all(self) -> int:
        """Erase all conversations of the caller; how many there were."""
        erased = await self._transport.answer(Request("DELETE", "/conversations"), _Erased)
        return erased.conversations

    async def usage(self, days: int = 30) -> tuple[DayUsage, ...]:
        """What the caller used in the last days, today (UTC) included, oldest first."""
        used = await self._transport.answer(Request("GET", "/usage", query={"days": str(days)}), _Used)
        return used.days


def _question(
    path: str, text: str, conversation: str | None, end_user: str | None, key: str | None
) -> Request:
    body = {"input": text} | ({"conversation": conversation} if conversation is not None else {})
    headers = checked_header(END_USER, end_user)
    headers |= checked_header("Idempotency-Key", secrets.token_urlsafe(24) if key is None else key)
    if path == "/stream":  # also where something else is the default, such as at the gateway
        headers["Accept"] = "text/event-stream"
    return Request("POST", path, body, headers=headers)


def _path(conversation: str) -> str:
    if not _ID.fullmatch(conversation):
        raise SettingsError(f"{conversation[:80]!r} is no id of a conversation")
    return f"/conversations/{conversation}"
