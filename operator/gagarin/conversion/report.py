"""What a conversion tells beside its manifests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gagarin.core.objects import Object

# todo: somebody has to do something; changed: it means something else now; dropped: it has no counterpart.
Weight = Literal["todo", "changed", "dropped"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about one place of the configuration, such as `agents[0].rag`."""

    weight: Weight
    where: str
    text: str


class ConversionError(ValueError):
    """The configuration cannot be converted. `faults` are sentences, each beginning with a place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(slots=True)
class Report:
    """What has come of it so far."""

    manifests: list[Object] = field(default_factory=list)
    secrets: list[Object] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def note(self, weight: Weight, where: str, text: str) -> None:
        """Tell something, once."""
        note = Note(weight, where, text)
        if note not in self.notes:
            self.notes.append(note)

    def fault(self, where: str, text: str) -> None:
        """Something that makes a conversion impossible."""
        self.faults.append(f"{where}: {text}" if where else text)
