"""What kubectl is told when Tab is pressed behind `kubectl gagarin`."""

from __future__ import annotations

import sys

import pytest

from gagarin.cli import kubectlcompletion
from gagarin.cli.kubectlcompletion import choices


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_GAGARIN_COMPLETE", "_TYPER_COMPLETE_FISH_ACTION", "_TYPER_COMPLETE_ARGS"):
        monkeypatch.setenv(name, "")  # and so is gone afterwards
    monkeypatch.setenv("COLUMNS", "40")


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-gagarin", *words])
    kubectlcompletion.main()
    return capsys.readouterr().out.splitlines()


def test_commands_are_offered_with_what_they_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(monkeypatch, capsys, "st")
    assert [line.partition("\t")[0] for line in lines] == ["status", ":4"]
    assert lines[0].partition("\t")[2].startswith("Say why")
    everything = said(monkeypatch, capsys, "")
    assert {"lint\t", "chat\t"} <= {line.partition("\t")[0] + "\t" for line in everything}
    assert said(monkeypatch, capsys) == everything


def test_a_choice_is_one_line_however_narrow_the_terminal_is() -> None:
    assert all("\t" in line for line in choices(["lint", "--"]))


def test_options_are_those_of_the_command() -> None:
    offered = [each.partition("\t")[0] for each in choices(["status", "--o"])]
    assert offered == ["--output"]


@pytest.mark.parametrize("words", [["lint", "-f", ""], ["chat", "it's a", "x"], ["nothing", "$(echo)", "'"]])
def test_where_nothing_is_offered_the_shell_offers_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert said(monkeypatch, capsys, *words) == [":0"]
