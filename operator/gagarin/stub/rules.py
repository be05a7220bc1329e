"""What the stub is told to answer: replies, the rules that choose them, and who chose last.

A `Reply` is the one vocabulary of all three ways to steer the stub: the request header `Stub-Reply`, a
directive `[stub key=value ...]` in the user's last message, and the rules of a script file. They are asked
in this order; what none of them settles gets the default answer.
"""

from __future__ import annotations

import fnmatch
import re
from collections import OrderedDict
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from gagarin.stub import directive
from gagarin.stub.errors import ApiError

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Route = Literal["chat", "embeddings"]
_MAX_DIRECTIVES = 1000


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call the model asks for. `arguments` as a text is sent as it is, even if it is no JSON."""

    name: str
    arguments: dict[str, Any] | str = {}

    @property
    def arguments_text(self) -> str:
        """The arguments as the wire carries them: JSON in a string."""
        return (
            self.arguments
            if isinstance(self.arguments, str)
            else msgspec.json.encode(self.arguments).decode()
        )


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to answer, how fast, and how to fail. Times are seconds; README.md explains each field."""

    content: str | None = None
    tokens: Count | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"] | None = None
    raw: str | None = None
    headers_delay: Seconds = 0.0
    first_token_delay: Seconds = 0.0
    between_tokens: Seconds = 0.0
    coalesce: Positive = 1
    split_bytes: Positive | None = None
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    message: str | None = None
    retry_after: Seconds | None = None
    fault: Literal["disconnect", "hang", "malformed", "truncate"] | None = None
    after: Count | None = None

    def __post_init__(self) -> None:
        if self.content is not None and self.tokens is not None:
            raise ValueError("content and tokens exclude each other")
        if self.status is not None and self.fault is not None:
            raise ValueError("status and fault exclude each other")
        if self.after is not None and self.status is None and self.fault is None:
            raise ValueError("after needs a status or a fault")

    @property
    def breaks_early(self) -> bool:
        """Whether the reply fails before its first header."""
        return self.after is None and (self.status is not None or self.fault in ("disconnect", "hang"))


class Directive(Reply, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply chosen by the request itself; `times` as in `Rule`, counted by the directive's exact text."""

    times: Positive | None = None


class Asked(NamedTuple):
    """What a rule can look at: `message` is the text of the last message (or the first input)."""

    route: Route
    model: str
    role: str
    message: str
    directive: str | None = None


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request must be like: every member that is set has to fit."""

    route: Route = "chat"
    model: str | None = None
    role: Literal["system", "developer", "user", "assistant", "tool"] | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.message or "")
        except re.error as error:
            raise ValueError(f"message is not a regular expression: {error}") from error

    def fits(self, asked: Asked) -> bool:
        """Whether the request is meant: `model` is a shell pattern, `message` a regular expression."""
        return (
            self.route == asked.route
            and (self.model is None or fnmatch.fnmatchcase(asked.model, self.model))
            and (self.role is None or self.role == asked.role)
            and (self.message is None or re.search(self.message, asked.message) is not None)
        )


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reply` to what fits `match`, the first `times` times; afterwards the next rules are asked."""

    reply: Reply
    match: Match = Match()
    times: Positive | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A script file. With `models`, only these exist; without, every model name is taken."""

    rules: tuple[Rule, ...] = ()
    models: tuple[str, ...] | None = None


class Rulebook:
    """Chooses the reply to a request, and remembers how often each rule and directive was used."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._rule_uses = [0] * len(script.rules)
        self._directive_uses: OrderedDict[str, int] = OrderedDict()

    def reset(self) -> None:
        """Forget what was used, as after a start."""
        self._rule_uses = [0] * len(self._script.rules)
        self._directive_uses.clear()

    def choose(self, asked: Asked) -> Reply:
        """The reply to this request. Raises `ApiError` 400 for a directive that cannot be understood."""
        return self._directed(asked) or self._ruled(asked) or Reply()

    def _directed(self, asked: Asked) -> Reply | None:
        if asked.directive is None:
            return None
        chosen = parse_directive(asked.directive)
        if chosen.times is not None and self._count(asked.directive) > chosen.times:
            return None
        # Otherwise a tool's answer would meet the same directive again, and the loop would never end.
        return msgspec.structs.replace(chosen, tool_calls=()) if asked.role == "tool" else chosen

    def _count(self, text: str) -> int:
        uses = self._directive_uses[text] = self._directive_uses.pop(text, 0) + 1
        if len(self._directive_uses) > _MAX_DIRECTIVES:
            self._directive_uses.popitem(last=False)
        return uses

    def _ruled(self, asked: Asked) -> Reply | None:
        for index, rule in enumerate(self._script.rules):
            unused = rule.times is None or self._rule_uses[index] < rule.times
            if unused and rule.match.fits(asked):
                self._rule_uses[index] += 1
                return rule.reply
        return None


def parse_directive(text: str) -> Directive:
    """The reply in `key=value ...`. Raises `ApiError` 400 that names the key."""
    try:
        return msgspec.convert(directive.parse(text), Directive, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        message = f"The stub's directive {text!r} cannot be understood: {error}"
        raise ApiError(400, message, code="invalid_directive") from error
