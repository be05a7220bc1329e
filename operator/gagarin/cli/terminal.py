"""What may be written to a terminal: text of others must never be able to steer it."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text without what would steer a terminal."""
    return _CONTROLS.sub("", text)
