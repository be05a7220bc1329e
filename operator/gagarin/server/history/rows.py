"""What rows of either database mean: times, places in a list, the past of a turn, details of an answer."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from gagarin.server.answers import Answered
from gagarin.server.history.store import Conversation, Page, StoredMessage, Summary
from gagarin.server.wire import Message

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answered).decode


class MessageRow(NamedTuple):
    """A message. `details` is the text of `details`, empty for a question."""

    turn: int
    step: int
    role: str
    content: str
    created_at: float
    details: str


def uuid_of(text: str) -> uuid.UUID | None:
    """The id of a conversation that the text is, written as the stores write them."""
    try:
        found = uuid.UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def rfc3339(seconds: float) -> str:
    """A time as it is shown, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(turns: int, limit: int, before: int | None) -> tuple[int, int]:
    """The first turn to read, and the one to stop before."""
    end = turns + 1 if before is None else min(before, turns + 1)
    return max(end - limit, 1), end


def page(found: Sequence[tuple[str, float, float, int]], limit: int) -> Page:
    """A page of (id, created at, updated at, turns); one more than `limit` says that there are others."""
    shown = [Summary(row[0], rfc3339(row[1]), rfc3339(row[2]), row[3]) for row in found[:limit]]
    more = cursor(found[limit - 1][2], found[limit - 1][0]) if len(found) > limit else None
    return Page(shown, more)


def conversation(
    name: str, created_at: float, updated_at: float, messages: Iterable[MessageRow], first: int
) -> Conversation:
    """The part of a conversation that begins with the turn `first`."""
    kept = [stored(row) for row in messages]
    return Conversation(name, rfc3339(created_at), rfc3339(updated_at), kept, first if first > 1 else None)


def position(before: str | None) -> tuple[float, str]:
    """The place in the list of conversations that a cursor stands for. Raises `ValueError`."""
    if before is None:
        return float("inf"), ""
    text, _, last = before.partition(",")
    updated_at = float(text)
    if not math.isfinite(updated_at) or uuid_of(last) is None:
        raise ValueError("no page gave this")
    return updated_at, last


def cursor(updated_at: float, conversation: str) -> str:
    """The cursor after a conversation in the list."""
    return f"{updated_at!r},{conversation}"


def past(newest_first: Iterable[tuple[int, int, str, str]], limit: int) -> list[Message]:
    """The messages of (turn, step, role, content), oldest first. Of a turn that the limit cut, nothing is
    left: an answer without its question would only mislead the model."""
    rows = list(newest_first)
    if len(rows) == limit:
        cut = rows[-1][0] if rows[-1][1] else 0
        rows = [row for row in rows if row[0] != cut]
    return [Message(role, content) for _, _, role, content in reversed(rows)]


def details(answered: Answered) -> str:
    """Everything of an answer but its text."""
    return _encode(msgspec.structs.replace(answered, text="")).decode()


def answer(text: str, kept: str) -> Answered:
    """The answer that was kept as text and details."""
    return msgspec.structs.replace(_decode(kept), text=text) if kept else Answered(text)


def stored(row: MessageRow) -> StoredMessage:
    """A message as it is read back."""
    known = answer(row.content, row.details)
    return StoredMessage(
        turn=row.turn,
        role=row.role,
        content=row.content,
        created_at=rfc3339(row.created_at),
        usage=known.usage,
        model=known.model,
        tools=known.tools,
        sources=known.sources,
        finish=known.finish,
    )
