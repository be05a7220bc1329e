"""One line for each thing that happened, for machines and for people."""

from __future__ import annotations

import json
import logging

import pytest

from gagarin.controller.logs import configure


def log_a_failure() -> None:
    try:
        int("x")
    except ValueError:
        logging.getLogger("t").exception("failed: %s", "why\r\nnot")


@pytest.mark.usefixtures("own_logs")
def test_for_machines_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    log_a_failure()
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["message"]) == ("error", "t", "failed: why\r\nnot")
    assert "ValueError: invalid literal" in line["trace"]


@pytest.mark.usefixtures("own_logs")
def test_for_people_a_message_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    log_a_failure()
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first.endswith(r"ERROR   t: failed: why\r\nnot")
    assert second.startswith("Traceback")


@pytest.mark.usefixtures("own_logs")
def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "text")
    logging.getLogger("t").info("well")
    assert capsys.readouterr().err == ""
