"""The stub's own idea of a token: a word together with the white space before it.

White space at the end belongs to the last word, so joining the tokens of a text gives the text. Real models
cut finer; what matters for tests is that anyone can count by hand: `len(text.split())`.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")
_SENTENCE = " Poyekhali says the pilot and the rocket climbs through thin blue air toward a quiet orbit"
_CYCLE = _TOKEN.findall(_SENTENCE)


def split(text: str) -> list[str]:
    """The tokens of `text`, in order."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens `text` has (a text of nothing but white space counts as none)."""
    return len(text.split())


def generate(number: int) -> list[str]:
    """Exactly `number` tokens of an endless, always identical sentence."""
    tokens = (_CYCLE * (number // len(_CYCLE) + 1))[:number]
    return [token.lstrip() for token in tokens[:1]] + tokens[1:]
