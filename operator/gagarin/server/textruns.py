"""Runs of chunks that differ in nothing but their text, read as one.

A model that is faster than the network has many chunks in one packet: each of them is a word, and 200 bytes
of JSON around it that are the same for all. The first chunk is decoded; of the others it is enough to know
that they are the same but for a text that needs no decoding. Whatever is not like that is left to whoever
decodes every chunk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gagarin.server import wire

LEAST = 4  # chunks: for fewer it is no faster
_CONTENT = re.compile(rb'"content": ?"([^"\\]*)"')
_SPECIAL = b'"\\' + bytes(range(0x20))  # what a JSON string does not hold as it is


def text(events: Sequence[bytes]) -> str | None:
    """The text of all chunks; None if they are no run. Raises `wire.Nonsense` if the first is none at all."""
    first = events[0]
    found = _CONTENT.search(first)
    if found is None or first.count(b'"content"') != 1 or not _is_only_text(first, found[1]):
        return None
    head, tail = first[: found.start(1)], first[found.end(1) :]
    within = slice(len(head), -len(tail))
    texts = [event[within] for event in events]
    if head + (tail + head).join(texts) + tail != b"".join(events):
        return None
    joined = b"".join(texts)
    if len(joined.translate(None, _SPECIAL)) != len(joined):
        return None
    try:
        return joined.decode()
    except UnicodeDecodeError:
        return None


def _is_only_text(event: bytes, content: bytes) -> bool:
    """Whether that is the text of a chunk that has nothing else to say."""
    (chunk,) = wire.chunks([event])
    if chunk.error is not None or chunk.usage is not None or not chunk.choices:
        return False
    choice = chunk.choices[0]
    if choice.finish_reason is not None or choice.delta is None:
        return False
    delta = choice.delta
    return not delta.tool_calls and not delta.refusal and delta.content == content.decode()
