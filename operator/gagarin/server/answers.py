"""What comes of a turn: the answer as it is given out, kept, and given out again when a request is
repeated."""

from __future__ import annotations

from typing import Literal

import msgspec

from gagarin.server.wire import Usage

Outcome = Literal["ok", "error"]


class ToolUse(msgspec.Struct, frozen=True):
    """A tool call that was made for an answer. `name` is the function's, as the model knows it."""

    name: str
    outcome: Outcome


class SourceUse(msgspec.Struct, frozen=True):
    """A passage that the model was given: the source's name in the configuration, the document's title, and
    where it is (a URL or a file's name)."""

    name: str
    title: str
    location: str


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer. `usage` and `cost` (a decimal; None: no prices are known) are sums over all calls of models;
    `model` is the vendor's id of the one that gave the answer.

    `finish` says why it ends: `stop` when it is complete; `length`, `content_filter` or `refusal` when it is
    not what was asked for.
    """

    text: str
    usage: Usage | None = None
    model: str = ""
    tools: tuple[ToolUse, ...] = ()
    sources: tuple[SourceUse, ...] = ()
    finish: str = "stop"
    cost: str | None = None
