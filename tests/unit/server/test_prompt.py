"""The system message: what stays first, what changes last."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gagarin.core.config import Auth, Config, ModelTarget, Tool
from gagarin.server.knowledge.passages import Passage
from gagarin.server.prompt import Prompt
from gagarin.serving.errors import StartError
from tests.unit.server.clock import Clock
from tests.unit.server.providing import provider
from tests.unit.server.turning import NOON


def prompt(clock: Clock, **changed: Any) -> Prompt:
    members: dict[str, Any] = {"prompt": "Be kind.", **changed}
    config = Config(
        schema_version=1,
        name="helper",
        namespace="team-a",
        revision="r1",
        model=ModelTarget(provider=provider("http://unused"), model="small"),
        auth=Auth(audiences=("a",)),
        **members,
    )
    return Prompt(config, clock)


def text(message: msgspec.Raw) -> str:
    decoded: dict[str, str] = msgspec.json.decode(message)
    assert decoded["role"] == "system"
    return decoded["content"]


def test_the_time_is_told_with_its_zone_after_the_prompt() -> None:
    told = text(prompt(Clock(NOON), time_zone="Asia/Kolkata").message())
    assert told == "Be kind.\n\nDate and time: Friday, 2027-01-15 17:30 (Asia/Kolkata, UTC+05:30)"


def test_without_a_prompt_the_time_is_all() -> None:
    assert text(prompt(Clock(NOON), prompt="").message()).startswith("Date and time: ")


def test_within_a_minute_the_message_stays_the_same() -> None:
    clock = Clock(NOON)
    made = prompt(clock)
    first = made.message()
    clock.seconds += 59
    assert made.message() is first
    clock.seconds += 1
    assert "12:01" in text(made.message())


def test_what_the_tools_are_for_stands_between() -> None:
    tools = (
        Tool(name="weather", namespace="team-a", type="HTTP", description="Forecasts for any place."),
        Tool(name="quiet", namespace="team-a", type="HTTP"),
    )
    told = text(prompt(Clock(NOON), tools=tools).message())
    assert told.startswith("Be kind.\n\nYour tools:\nweather: Forecasts for any place.\n\nDate and time: ")


def test_context_and_passages_come_last() -> None:
    made = prompt(Clock(NOON))
    passage = Passage("manual", "Fuel", "fuel.md", "Kerosene.")
    told = text(made.message([passage], "Answer in verse."))
    assert told.startswith(text(made.message()) + "\n\nAnswer in verse.\n\nPassages")
    assert told.endswith("[1] Fuel (fuel.md)\nKerosene.")


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd", "", "\0"])
def test_a_zone_that_does_not_exist_ends_the_start(zone: str) -> None:
    with pytest.raises(StartError, match="time_zone"):
        prompt(Clock(NOON), time_zone=zone)
