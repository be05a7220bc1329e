"""How much of a conversation fits into a model's context window.

Without the model's own tokenizer a text is estimated, on the high side: a token for every three bytes of
UTF-8. English has four to five bytes a token, code and most other languages three to four. What is estimated
too high costs some of the oldest turns; too low, it would cost the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gagarin.core.config import ModelTarget
from gagarin.server.wire import Message

BYTES_PER_TOKEN = 3
MESSAGE_TOKENS = 8  # for the role and the marks around a message
ANSWER_TOKENS = 4096  # left for the answer where `max_tokens` is not set, at most a quarter of the window
ANSWER_LIMITS = ("max_completion_tokens", "max_tokens")


def estimate(text: str | msgspec.Raw) -> int:
    """Tokens of a text, or of what is encoded already; seldom fewer than a model counts."""
    size = len(text.encode()) if isinstance(text, str) else memoryview(text).nbytes
    return -(-size // BYTES_PER_TOKEN)


def room(target: ModelTarget, *texts: str | msgspec.Raw) -> int | None:
    """Tokens that are left for the past beside the texts (the prompt, the tools, the question) and the
    answer. None: the window is not known, so nothing is cut. It can be below 0."""
    if target.context_window is None:
        return None
    needed = sum(estimate(text) + MESSAGE_TOKENS for text in texts)
    return target.context_window - _answer(target) - needed


def fitting(past: Sequence[Message], left: int | None) -> Sequence[Message]:
    """The newest turns that fit, oldest first. A turn (a question and what follows it) is dropped whole."""
    if left is None:
        return past
    begin = len(past)
    for number in range(len(past) - 1, -1, -1):
        left -= estimate(past[number].content) + MESSAGE_TOKENS
        if left < 0:
            break
        if past[number].role == "user":
            begin = number
    return past[begin:]


def _answer(target: ModelTarget) -> int:
    assert target.context_window is not None
    for name in ANSWER_LIMITS:
        if isinstance(limit := target.params.get(name), int):
            return limit
    return min(ANSWER_TOKENS, target.context_window // 4)
