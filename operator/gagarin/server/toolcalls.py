"""The calls in a model's reply, put together from what providers really send.

A streamed call comes in parts: its name and id first, then its arguments piece by piece, the parts of
several calls in any order. Providers leave out ids or indexes, number all calls alike, repeat the name, or
send the arguments as an object instead of a text; all of that is understood here, so that the turn loop
sees plain calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

MAX_CALLS = 128
MAX_ARGUMENT_CHARS = 1024 * 1024
_encode = msgspec.json.Encoder().encode


class TooManyCalls(ValueError):  # noqa: N818 -- says what happened
    """A reply asks for more than any real one does."""


class FunctionPart(msgspec.Struct):
    """Which function, and (a piece of) its arguments: JSON in a text, or from some providers the object."""

    name: str | None = None
    arguments: Any = None


class CallPart(msgspec.Struct):
    """A call, or a part of one. `extra_content` is Google's: it has to come back with the call."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None
    extra_content: Any = None

    @property
    def named(self) -> str:
        """The function's name, if it is in this part."""
        return (self.function and self.function.name) or ""


class Call(msgspec.Struct, frozen=True):
    """A whole call. `id` may be empty; `arguments` is meant to be a JSON object, and may be anything."""

    id: str
    name: str
    arguments: str
    extra_content: Any = None


class _Building:
    """A call that is not complete yet."""

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.extra_content: Any = None
        self.pieces: list[str] = []

    def add(self, part: CallPart) -> int:
        """Take a part in; how many characters of arguments it brought."""
        self.id = self.id or part.id or ""
        self.extra_content = self.extra_content or part.extra_content
        if part.function is None:
            return 0
        self.name = self.name or part.named
        arguments = part.function.arguments
        if arguments is None:
            return 0
        self.pieces.append(arguments if isinstance(arguments, str) else _encode(arguments).decode())
        return len(self.pieces[-1])

    def is_followed_by(self, part: CallPart) -> bool:
        """Whether a part with the same index is of another call all the same."""
        if not part.named or not self.name:
            return False
        others_id = bool(part.id and self.id and part.id != self.id)
        return others_id or part.named != self.name or self._is_complete()

    def _is_complete(self) -> bool:
        try:
            msgspec.json.decode("".join(self.pieces))
        except (msgspec.DecodeError, UnicodeError):
            return False
        return True


class Assembly:
    """Takes the parts as they come. Raises `TooManyCalls` instead of growing without bound."""

    def __init__(self) -> None:
        self._calls: list[_Building] = []
        self._size = 0

    @property
    def begun(self) -> bool:
        """Whether there is a part of any call."""
        return bool(self._calls)

    def add(self, parts: Iterable[CallPart]) -> None:
        """The parts of one event."""
        for part in parts:
            call = self._of(part)
            if call is None:
                call = _Building(part.index)
                self._calls.append(call)
            self._size += call.add(part)
        if len(self._calls) > MAX_CALLS or self._size > MAX_ARGUMENT_CHARS:
            raise TooManyCalls(
                f"more than {MAX_CALLS} tool calls, or {MAX_ARGUMENT_CHARS} characters of them"
            )

    def calls(self) -> tuple[Call, ...]:
        """The calls, by their indexes where they have some."""
        ordered = sorted(self._calls, key=lambda call: call.index or 0)
        return tuple(Call(one.id, one.name, "".join(one.pieces), one.extra_content) for one in ordered)

    def _of(self, part: CallPart) -> _Building | None:
        """The call that a part continues; None: it begins one."""
        for call in reversed(self._calls):
            if part.id and part.id == call.id and None in (part.index, call.index):
                return call
            if part.index == call.index and not call.is_followed_by(part):
                return call
        nameless = part.index is None and not part.id and not part.named
        return self._calls[-1] if nameless and self._calls else None


def whole(parts: Iterable[CallPart]) -> tuple[Call, ...]:
    """The calls of a reply that came in one piece: each part is a call. Raises `TooManyCalls`."""
    assembly = Assembly()
    for number, part in enumerate(parts):
        assembly.add([CallPart(number, part.id, part.function, part.extra_content)])
    return assembly.calls()
