"""One JSON line for everything, of the levels that are wanted."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from gagarin.serving.logs import Log


def lines(sink: io.BytesIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in sink.getvalue().splitlines()]


def int_of(text: str) -> int:
    return int(text)


@pytest.fixture
def sink() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def library_log(sink: io.BytesIO) -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    Log("info", sink).handle_logging()
    yield logging.getLogger("library")
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_a_line_says_when_how_bad_and_what(sink: io.BytesIO) -> None:
    Log("info", sink).event("warning", "slow", seconds=1.5)
    (line,) = lines(sink)
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "warning", "log": "event", "message": "slow", "seconds": 1.5}


def test_access_and_audit_lines_are_told_apart(sink: io.BytesIO) -> None:
    log = Log("info", sink)
    log.access(status=200)
    log.audit(decision="allow")
    assert [line["log"] for line in lines(sink)] == ["access", "audit"]


def test_what_is_below_the_level_is_left_out(sink: io.BytesIO) -> None:
    log = Log("error", sink)
    log.event("warning", "slow")
    log.access(status=200)
    log.event("error", "broken")
    assert [line["message"] for line in lines(sink)] == ["broken"]


def test_a_failure_has_its_trace(sink: io.BytesIO) -> None:
    with pytest.raises(ValueError, match="wrong") as caught:
        int_of("wrong")
    Log("info", sink).failure("it broke", caught.value)
    (line,) = lines(sink)
    assert line["message"] == "it broke"
    assert line["trace"].endswith("with base 10: 'wrong'\n")


def test_what_libraries_log_comes_out_in_the_same_form(sink: io.BytesIO, library_log: logging.Logger) -> None:
    library_log.info("chatter")
    library_log.warning("careful %s", "there")
    library_log.error("broken")
    assert [(line["level"], line["message"], line["logger"]) for line in lines(sink)] == [
        ("warning", "careful there", "library"),
        ("error", "broken", "library"),
    ]


def test_a_library_s_error_keeps_its_trace(sink: io.BytesIO, library_log: logging.Logger) -> None:
    try:
        int_of("wrong")
    except ValueError:
        library_log.exception("broken")
    assert "ValueError" in lines(sink)[0]["trace"]


def test_a_value_that_json_does_not_know_is_written_as_text(sink: io.BytesIO) -> None:
    Log("info", sink).event("info", "odd", value=ValueError("x"))
    assert lines(sink)[0]["value"] == "x"


async def test_within_the_event_loop_lines_are_written_in_its_next_round_together(sink: io.BytesIO) -> None:
    log = Log("info", sink)
    log.access(status=200)
    log.access(status=201)
    assert not sink.getvalue()
    await asyncio.sleep(0)
    assert [line["status"] for line in lines(sink)] == [200, 201]
    log.access(status=202)
    log.flush()
    await asyncio.sleep(0)
    assert [line["status"] for line in lines(sink)] == [200, 201, 202]
