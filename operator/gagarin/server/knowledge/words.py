"""Words as the index keeps them, and a question as a query of SQLite's FTS5.

The index splits at spaces, which Chinese, Japanese and Thai do not have: there, each character is a word.
"""

from __future__ import annotations

import re

MOST = 64
_SPACELESS = re.compile(
    "([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
_WORD = re.compile(r"\w+")


def spaced(text: str) -> str:
    """The text with spaces where words end that have none."""
    return _SPACELESS.sub(r" \1 ", text)


def query(question: str) -> str:
    """Any of the question's words; "" if it has none. Each stands in quotes, so that none is an operator."""
    words = dict.fromkeys(word.lower() for word in _WORD.findall(spaced(question)))
    return " OR ".join(f'"{word}"' for word in list(words)[:MOST])
