from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.results import Goal, Measurement, judge, load_goals

GOALS = {"a": Goal(of="value", at_most=1.0), "b": Goal(of="ratio", at_least=0.5)}
MEMBERS = ["name", "value", "unit", "versus", "ratio", "goal", "met"]


def line(**members: object) -> dict[str, object]:
    measured = msgspec.convert({"value": 1.0, "unit": "ms", **members}, Measurement)
    printed: dict[str, object] = msgspec.json.decode(msgspec.json.encode(judge(measured, GOALS)))
    return printed


def test_every_line_has_the_same_members() -> None:
    assert list(line(name="a")) == MEMBERS
    assert list(line(name="x", value=None)) == MEMBERS


def test_a_note_comes_last_and_only_when_there_is_one() -> None:
    assert list(line(name="a", note="why")) == [*MEMBERS, "note"]


@pytest.mark.parametrize(("value", "met"), [(0.999, True), (1.0, True), (1.001, False), (None, None)])
def test_a_goal_for_the_value_is_held_against_the_value(value: float | None, met: bool | None) -> None:
    assert line(name="a", value=value)["met"] is met


@pytest.mark.parametrize(("value", "met"), [(5.0, True), (4.9, False)])
def test_a_goal_for_the_ratio_is_held_against_the_ratio(value: float, met: bool) -> None:
    printed = line(name="b", value=value, versus="proxy", reference=10.0)
    assert (printed["goal"], printed["met"]) == ("ratio >= 0.5", met)


def test_a_goal_for_a_ratio_that_is_not_known_is_neither_met_nor_missed() -> None:
    assert line(name="b")["met"] is None


def test_figures_have_three_significant_digits() -> None:
    printed = line(name="x", value=123456.7, versus="y", reference=3.0)
    assert (printed["value"], printed["ratio"]) == (123000.0, 41200.0)


def test_every_goal_of_the_file_can_be_read() -> None:
    assert load_goals()["chat.overhead.p50"] == Goal(of="value", at_most=1.0)


@pytest.mark.parametrize("bounds", ["", "at_most = 1\nat_least = 1", "at_mots = 1"])
def test_a_goal_without_exactly_one_bound_is_refused(tmp_path: Path, bounds: str) -> None:
    file = tmp_path / "goals.toml"
    file.write_text(f'["a"]\nof = "value"\n{bounds}\n')
    with pytest.raises(msgspec.ValidationError):
        load_goals(file)
