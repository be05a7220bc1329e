"""What a chat gets from its knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Passage(msgspec.Struct, frozen=True):
    """A piece of a document: the source's name as the Agent has it, the title of the document and of the
    section, where the document is (an address, or the name of a file), and the text."""

    source: str
    title: str
    location: str
    text: str


class Knowledge(Protocol):
    """What fitting passages are taken from."""

    async def start(self) -> None:
        """Begin to read the sources, in the background."""
        ...

    async def passages(self, question: str) -> Sequence[Passage]:
        """The passages that fit best, the best first. Never raises, and waits a few seconds at most."""
        ...

    async def close(self) -> None:
        """End what runs in the background."""
        ...
