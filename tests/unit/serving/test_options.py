"""Where a value comes from, and what becomes of one that cannot be used."""

from __future__ import annotations

import pytest

from gagarin.serving import options
from gagarin.serving.errors import StartError
from gagarin.serving.options import Kind, Options


def made(kind: Kind, environment: dict[str, str]) -> Options:
    made = Options("program", "What it is.", environment)
    made.add("--some-value", "7", kind, "some value")
    return made


def test_the_command_line_comes_before_the_environment_and_that_before_the_default() -> None:
    assert made(options.port, {}).parse([]) == {"some_value": 7}
    assert made(options.port, {"GAGARIN_SOME_VALUE": "8"}).parse([]) == {"some_value": 8}
    assert made(options.port, {"GAGARIN_SOME_VALUE": "8"}).parse(["--some-value", "9"]) == {"some_value": 9}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (options.port, "65536"),
        (options.port, "²"),
        (options.switch, "on"),
        (options.whole, "0"),
        (options.whole, "1.5"),
        (options.seconds, "-1"),
        (options.seconds, "86401"),
        (options.seconds, "nan"),
        (options.level, "loud"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(kind: Kind, wrong: str) -> None:
    with pytest.raises(StartError, match="--some-value"):
        made(kind, {}).parse(["--some-value", wrong])
    with pytest.raises(StartError, match="GAGARIN_SOME_VALUE"):
        made(kind, {"GAGARIN_SOME_VALUE": wrong})


def test_an_abbreviated_option_is_none() -> None:
    with pytest.raises(StartError, match="--some"):
        made(options.port, {}).parse(["--some", "1"])
