"""The notation of directives: `key=value key="a value" key='[{"json": 1}]'`.

It stands in the header `Stub-Reply` as it is, and in a message between `[stub ` and `]`. Quotes of either
kind keep white space together and cannot be escaped; `tool_calls` is JSON.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_PAIR = r"""\s+[a-z_]+=(?:'[^']*'|"[^"]*"|[^\s\]'"]+)"""
_IN_MESSAGE = re.compile(rf"\[stub((?:{_PAIR})+)\s*\]")
_DIRECTIVE = re.compile(rf"(?:{_PAIR})+\s*")
_KEY_VALUE = re.compile(r"""\s+([a-z_]+)=('[^']*'|"[^"]*"|[^\s\]'"]+)""")


def find(message: str) -> str | None:
    """The text of the first directive in a message, or None."""
    if "[stub " not in message:
        return None
    found = _IN_MESSAGE.search(message)
    return found[1].strip() if found else None


def parse(text: str) -> dict[str, Any]:
    """The values by key. Raises `ValueError` when the notation or the JSON of `tool_calls` is wrong."""
    spaced = f" {text}"
    if not _DIRECTIVE.fullmatch(spaced):
        raise ValueError('write key=value, with quotes around a value that has spaces: content="Good day"')
    values: dict[str, Any] = {key: _unquote(value) for key, value in _KEY_VALUE.findall(spaced)}
    if "tool_calls" in values:
        values["tool_calls"] = msgspec.json.decode(values["tool_calls"])
    return values


def _unquote(value: str) -> str:
    return value[1:-1] if value[0] in "'\"" else value
