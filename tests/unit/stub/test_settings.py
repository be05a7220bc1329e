from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.stub import settings
from gagarin.stub.keys import Keys


def test_the_defaults_listen_on_8080_and_take_any_key() -> None:
    parsed = settings.parse([], {})
    assert (parsed.host, parsed.port, parsed.script, parsed.keys) == ("0.0.0.0", 8080, None, Keys())


def test_the_command_line_comes_before_the_environment() -> None:
    environment = {
        "GAGARIN_STUB_PORT": "1",
        "GAGARIN_STUB_REQUIRE_KEY": "a,b",
        "GAGARIN_STUB_SCRIPT": "s.yaml",
    }
    parsed = settings.parse(["--port", "2"], environment)
    assert (parsed.port, parsed.script, parsed.keys) == (2, Path("s.yaml"), Keys(frozenset("ab")))


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--port", "x"], {}),
        (["--port", "65536"], {}),
        (["--prot", "1"], {}),
        ([], {"GAGARIN_STUB_PORT": "tcp://1.2.3.4:80"}),
    ],
)
def test_a_wrong_option_is_named(
    arguments: list[str], environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        settings.parse(arguments, environment)
    assert caught.value.code == 2
    assert "--p" in capsys.readouterr().err
