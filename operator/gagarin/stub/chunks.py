"""An answer as the server-sent events of a streamed chat completion.

Chunks are put together from byte strings that are made once per answer, and several chunks are joined in one
step: a benchmark's upstream must cost far less than what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gagarin.stub.answers import Answer, Call

DONE = b"data: [DONE]\n\n"
MALFORMED = b'data: {"id":"chatcmpl-stub","choices":[{"delta":{"content":\n\n'
_ARGUMENT_CHARS = 8


def event(value: object) -> bytes:
    """One event with a JSON value."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


class Stream:
    """The events of one answer: `opening`, then `deltas` joined by `join`, then `closing`."""

    def __init__(self, answer: Answer, include_usage: bool) -> None:
        self._answer = answer
        self._usage: dict[str, Any] = {"usage": None} if include_usage else {}
        self._before, _, self._after = self._chunk(msgspec.Raw(b"@"), None).rpartition(b"@")
        self.deltas = [*map(_content, answer.tokens), *_call_deltas(answer.calls)]

    def _chunk(self, delta: object, finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event({**self._head(), "choices": [choice], **self._usage})

    def _head(self) -> dict[str, Any]:
        answer = self._answer
        return {
            "id": answer.id,
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": answer.model,
        }

    @property
    def opening(self) -> bytes:
        """The chunk that says who speaks."""
        content = "" if self._answer.tokens or not self._answer.calls else None
        return self._chunk({"role": "assistant", "content": content, "refusal": None}, None)

    @property
    def closing(self) -> bytes:
        """The chunk with the finish reason, the one with the usage if it was asked for, and `[DONE]`."""
        last = self._chunk({}, self._answer.finish_reason)
        usage = event({**self._head(), "choices": [], "usage": self._answer.usage}) if self._usage else b""
        return last + usage + DONE

    def join(self, deltas: Sequence[bytes]) -> bytes:
        """One chunk for each delta."""
        return self._before + (self._after + self._before).join(deltas) + self._after


def _content(token: str) -> bytes:
    return b'{"content":' + msgspec.json.encode(token) + b"}"


def _call_deltas(calls: Sequence[Call]) -> Iterator[bytes]:
    for index, call in enumerate(calls):
        opening = {"name": call.name, "arguments": ""}
        yield _call_delta({"index": index, "id": call.id, "type": "function", "function": opening})
        for start in range(0, len(call.arguments), _ARGUMENT_CHARS):
            piece = call.arguments[start : start + _ARGUMENT_CHARS]
            yield _call_delta({"index": index, "function": {"arguments": piece}})


def _call_delta(call: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"tool_calls": [call]})
