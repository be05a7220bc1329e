"""The pages that readers see, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?(?P<indent> *)```(?P<language>\w*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block of a page: its language, and what the comment right above it says of it."""

    language: str
    text: str
    mark: str


def pages() -> list[Path]:
    """Everything that is written for people, but READMEs of folders."""
    tops = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
    return [*tops, *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    """For the name of a test."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """The fenced blocks of a page in some languages."""
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in languages:
            text = re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
            yield Block(found["language"], text, found["mark"] or "")
