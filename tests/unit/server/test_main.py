"""The command: how a start that fails is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.server import main as command
from gagarin.serving.errors import StartError


def test_the_reason_goes_to_standard_error_and_to_the_termination_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    command.report("no key", log)
    assert capsys.readouterr().err == "gagarin.server: no key\n"
    assert log.read_text() == "no key\n"


def test_outside_of_a_container_no_termination_log_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.report("no key", tmp_path / "termination-log")
    assert not (tmp_path / "termination-log").exists()
    assert capsys.readouterr().err == "gagarin.server: no key\n"


def test_a_termination_log_that_cannot_be_written_is_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.report("no key", tmp_path)
    assert capsys.readouterr().err.endswith("Is a directory\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{}", "missing required field"),
        (b"nonsense", "JSON is malformed"),
        (b'{"name": "\xff"}', "utf-8"),
        (b'{"name": 1}', r"\$\.name"),
    ],
)
def test_a_configuration_that_is_wrong_is_named_with_its_field(
    tmp_path: Path, text: bytes, reason: str
) -> None:
    file = tmp_path / "agent.json"
    file.write_bytes(text)
    with pytest.raises(StartError, match=reason) as caught:
        command.load(file)
    assert str(file) in str(caught.value)


def test_a_start_that_fails_is_a_status_of_two(tmp_path: Path) -> None:
    assert command.main(["--config", str(tmp_path / "none"), "--termination-log", str(tmp_path / "log")]) == 2
