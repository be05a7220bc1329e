"""What an Instance answers, as types: whole answers, the events of streamed ones, and what is kept.

Members that a newer server adds are ignored, so that it can be installed before its clients.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens, as the provider counted them, over all calls of models for one answer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ToolUse(msgspec.Struct, frozen=True):
    """A tool call that was made for an answer."""

    name: str
    outcome: Literal["ok", "error"]


class Source(msgspec.Struct, frozen=True):
    """A passage that the model was given: the source's name in the Agent, the document's title, and where it
    is."""

    name: str
    title: str
    location: str


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. `finish` is `stop`, or why it is not complete: `length`, `content_filter`, `refusal`.

    `conversation` goes on with it (None: the Instance keeps none); `usage` is None if the provider counts
    nothing; `cost` is a decimal, None where no prices are known.
    """

    answer: str
    conversation: str | None = None
    usage: Usage | None = None
    tools: tuple[ToolUse, ...] = ()
    sources: tuple[Source, ...] = ()
    finish: str = "stop"
    cost: str | None = None


class Token(msgspec.Struct, frozen=True):
    """The next piece of the text; how it is cut says nothing."""

    text: str


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call begins (`running`), or ended after `seconds`. `id` is the same in both events."""

    id: str
    name: str
    arguments: Any
    outcome: Literal["running", "ok", "error"]
    seconds: float | None = None


class Done(msgspec.Struct, frozen=True):
    """The last event: the answer is whole. Its members are those of `Answer`."""

    conversation: str | None = None
    tools: tuple[ToolUse, ...] = ()
    sources: tuple[Source, ...] = ()
    finish: str = "stop"
    cost: str | None = None


Event = Token | ToolCall | Usage | Done


class ConversationSummary(msgspec.Struct, frozen=True):
    """A line of the list. Times are RFC 3339."""

    id: str
    created_at: str
    updated_at: str
    turns: int


class ConversationPage(msgspec.Struct, frozen=True):
    """Conversations, newest first. `before` asks for the next page; None on the last."""

    conversations: tuple[ConversationSummary, ...]
    before: str | None = None


class Message(msgspec.Struct, frozen=True):
    """A message that is kept; `role` is `user` or `assistant`. What follows the time is of answers only."""

    turn: int
    role: str
    content: str
    created_at: str
    usage: Usage | None = None
    model: str = ""
    tools: tuple[ToolUse, ...] = ()
    sources: tuple[Source, ...] = ()
    finish: str = "stop"


class Conversation(msgspec.Struct, frozen=True):
    """A conversation, or its newest part: `before` is the turn to ask for the part before it, if there is
    one."""

    id: str
    created_at: str
    updated_at: str
    messages: tuple[Message, ...]
    before: int | None = None


class DayUsage(msgspec.Struct, frozen=True):
    """What the caller used of one model on one UTC day (YYYY-MM-DD); `cost` is a decimal."""

    day: str
    model: str
    chats: int
    prompt_tokens: int
    completion_tokens: int
    cost: str | None = None
