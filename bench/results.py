"""The lines that benchmarks print, and the goals they are held against.

A line is `{"name", "value", "unit", "versus", "ratio", "goal", "met"}`, and `note` where something has to be
known to read the figure. What was not measured has the value null and a note that says why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

GOALS_FILE = Path(__file__).parent / "goals.toml"


class Goal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bound on a line's value, or on its ratio."""

    of: Literal["value", "ratio"]
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) is (self.at_least is None):
            raise ValueError("a goal has exactly one of at_most and at_least")

    def __str__(self) -> str:
        bound = f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"
        return f"{self.of} {bound}"

    def is_met_by(self, figure: float) -> bool:
        """Whether the figure is within the bound."""
        if self.at_most is not None:
            return figure <= self.at_most
        return self.at_least is not None and figure >= self.at_least


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """A figure; `versus` names what was measured beside it and `reference` is that figure."""

    name: str
    value: float | None
    unit: str
    versus: str | None = None
    reference: float | None = None
    note: str | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the reference."""
        return self.value / self.reference if self.value is not None and self.reference else None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement as it is printed."""

    name: str
    value: float | None
    unit: str
    versus: str | None
    ratio: float | None
    goal: str | None
    met: bool | None
    note: str | msgspec.UnsetType = msgspec.UNSET


def load_goals(file: Path = GOALS_FILE) -> dict[str, Goal]:
    """The goals by the names of the lines."""
    return msgspec.convert(tomllib.loads(file.read_text()), dict[str, Goal])


def judge(measured: Measurement, goals: Mapping[str, Goal]) -> Line:
    """The line of a measurement; `met` is null without a goal, or without a figure to hold against it."""
    goal = goals.get(measured.name)
    figure = measured.ratio if goal is not None and goal.of == "ratio" else measured.value
    return Line(
        name=measured.name,
        value=_round(measured.value),
        unit=measured.unit,
        versus=measured.versus,
        ratio=_round(measured.ratio),
        goal=None if goal is None else str(goal),
        met=None if goal is None or figure is None else goal.is_met_by(figure),
        note=msgspec.UNSET if measured.note is None else measured.note,
    )


def _round(figure: float | None) -> float | None:
    """Three significant digits say all that such figures are good for."""
    return None if figure is None else float(f"{figure:.3g}")
